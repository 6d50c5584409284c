select
    {{ json_text('value', 'stage') }} as stage,
    position
from ({{ parameter_rows('content_stages') }}) as parameter_values
