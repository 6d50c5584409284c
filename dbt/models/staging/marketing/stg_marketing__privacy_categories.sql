select
    {{ json_text('value', 'category') }} as category,
    {{ json_text('value', 'name_fr') }} as name_fr,
    {{ json_text('value', 'name_en') }} as name_en,
    {{ json_text('value', 'description_fr') }} as description_fr,
    {{ json_text('value', 'description_en') }} as description_en,
    {{ json_text('value', 'source_fr') }} as source_fr,
    {{ json_text('value', 'source_en') }} as source_en,
    cast({{ json_text('value', 'retention_months') }} as integer) as retention_months,
    {{ json_text('value', 'retention_from') }} as retention_from,
    {{ json_text('value', 'retention_then') }} as retention_then,
    position
from ({{ parameter_rows('privacy_categories') }}) as parameter_values
