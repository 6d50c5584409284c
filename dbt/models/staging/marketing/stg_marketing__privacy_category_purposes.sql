select
    {{ json_text('value', 'category') }} as category,
    {{ json_text('value', 'purpose') }} as purpose,
    position
from ({{ parameter_rows('privacy_category_purposes') }}) as parameter_values
