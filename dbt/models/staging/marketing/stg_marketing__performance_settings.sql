select
    cast({{ json_text('value', 'lead_lookback_days') }} as integer) as lead_lookback_days,
    cast({{ json_text('value', 'event_window_days') }} as integer) as event_window_days
from ({{ parameter_rows('performance_settings') }}) as parameter_values
