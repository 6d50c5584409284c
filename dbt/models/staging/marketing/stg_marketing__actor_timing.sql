-- A rule that is switched off has no row.
select
    parameter_key as actor_rule,
    cast({{ json_text('value', 'confidence') }} as double) as confidence,
    cast({{ json_text('value', 'seconds') }} as double) as seconds,
    cast({{ json_text('value', 'links') }} as integer) as links,
    cast({{ json_text('value', 'page_views') }} as integer) as page_views
from ({{ parameter_rows('actor_timing') }}) as parameter_values
