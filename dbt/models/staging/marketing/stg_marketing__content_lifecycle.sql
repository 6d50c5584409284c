select
    {{ json_text('value', 'lifecycle_stage') }} as lifecycle_stage,
    {{ json_text('value', 'stage') }} as stage
from ({{ parameter_rows('content_lifecycle') }}) as parameter_values
