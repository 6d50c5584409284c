select
    cast({{ json_text('value', 'on_time_days') }} as integer) as on_time_days,
    cast({{ json_text('value', 'early_days') }} as integer) as early_days,
    cast({{ json_text('value', 'horizon_days') }} as integer) as horizon_days
from ({{ parameter_rows('content_settings') }}) as parameter_values
