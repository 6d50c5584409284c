select {{ json_text('value', 'status') }} as status
from ({{ parameter_rows('unpublished_statuses') }}) as parameter_values
