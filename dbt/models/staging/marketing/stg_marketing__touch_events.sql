select
    parameter_key as event,
    {{ json_text('value', 'touch') }} as touch_type,
    {{ json_text('value', 'depth_property') }} as depth_property,
    cast({{ json_text('value', 'depth_scale') }} as double) as depth_scale
from ({{ parameter_rows('touch_events') }}) as parameter_values
