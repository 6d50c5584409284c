select
    {{ json_text('value', 'persona') }} as persona,
    {{ json_text('value', 'kind') }} as kind,
    {{ json_text('value', 'name') }} as name,
    cast({{ json_text('value', 'weight') }} as double) as weight
from ({{ parameter_rows('persona_weights') }}) as parameter_values
