select
    {{ json_text('value', 'persona') }} as persona,
    {{ json_text('value', 'name') }} as name,
    {{ json_text('value', 'vertical') }} as vertical,
    position
from ({{ parameter_rows('personas') }}) as parameter_values
