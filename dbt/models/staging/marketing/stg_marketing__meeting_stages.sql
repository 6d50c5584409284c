select
    {{ json_text('value', 'metric') }} as metric
from ({{ parameter_rows('meeting_stages') }}) as parameter_values
