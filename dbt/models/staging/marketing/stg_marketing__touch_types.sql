select
    parameter_key as touch_type,
    cast({{ json_text('value', 'depth') }} as double) as depth,
    {{ json_text('value', 'channel') }} as channel
from ({{ parameter_rows('touch_types') }}) as parameter_values
