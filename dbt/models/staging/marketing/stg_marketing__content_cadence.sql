select
    {{ json_text('value', 'vertical') }} as vertical,
    {{ json_text('value', 'channel') }} as channel,
    {{ json_text('value', 'content_type') }} as content_type,
    cast({{ json_text('value', 'starts_on') }} as date) as starts_on,
    cast({{ json_text('value', 'ends_on') }} as date) as ends_on,
    {{ json_text('value', 'rhythm') }} as rhythm,
    cast({{ json_text('value', 'number') }} as double) as rhythm_number
from ({{ parameter_rows('content_cadence') }}) as parameter_values
