select
    {{ json_text('value', 'id') }} as cap,
    position,
    {{ json_text('value', 'classes') }} as classes,
    {{ json_text('value', 'channels') }} as channels,
    cast({{ json_text('value', 'limit') }} as bigint) as max_messages,
    cast({{ json_text('value', 'days') }} as double) as window_days,
    {{ json_text('value', 'calendar') }} as calendar
from ({{ parameter_rows('frequency_caps') }}) as parameter_values
