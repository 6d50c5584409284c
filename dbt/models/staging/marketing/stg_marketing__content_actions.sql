select
    {{ json_text('value', 'action') }} as action,
    {{ json_text('value', 'event') }} as event
from ({{ parameter_rows('content_actions') }}) as parameter_values
