select
    lower({{ json_text('value', 'host') }}) as host,
    {{ json_text('value', 'vertical') }} as vertical
from ({{ parameter_rows('vertical_hosts') }}) as parameter_values
