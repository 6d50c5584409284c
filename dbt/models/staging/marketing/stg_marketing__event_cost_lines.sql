select
    {{ json_text('value', 'vertical') }} as vertical,
    {{ json_text('value', 'line') }} as line,
    {{ json_text('value', 'event_type') }} as event_type,
    {{ json_text('value', 'period') }} as period
from ({{ parameter_rows('event_cost_lines') }}) as parameter_values
