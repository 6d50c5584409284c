-- One row, or none where no definition is in force.
select
    cast({{ json_text('value', 'machine_from') }} as double) as machine_from,
    cast({{ json_text('value', 'unsure_from') }} as double) as unsure_from
from ({{ parameter_rows('actor_settings') }}) as parameter_values
