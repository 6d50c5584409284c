select {{ json_text('value', 'touch_type') }} as touch_type
from ({{ parameter_rows('content_touches') }}) as parameter_values
