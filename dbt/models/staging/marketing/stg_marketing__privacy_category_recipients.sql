select
    {{ json_text('value', 'category') }} as category,
    {{ json_text('value', 'recipient') }} as recipient,
    position
from ({{ parameter_rows('privacy_category_recipients') }}) as parameter_values
