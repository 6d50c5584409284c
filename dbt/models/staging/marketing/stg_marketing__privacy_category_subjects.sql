select
    {{ json_text('value', 'category') }} as category,
    {{ json_text('value', 'subject') }} as subject,
    {{ json_text('value', 'name_fr') }} as name_fr,
    {{ json_text('value', 'name_en') }} as name_en,
    position
from ({{ parameter_rows('privacy_category_subjects') }}) as parameter_values
