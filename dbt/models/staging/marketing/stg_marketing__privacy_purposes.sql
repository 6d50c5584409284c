select
    {{ json_text('value', 'purpose') }} as purpose,
    {{ json_text('value', 'name_fr') }} as name_fr,
    {{ json_text('value', 'name_en') }} as name_en,
    {{ json_text('value', 'description_fr') }} as description_fr,
    {{ json_text('value', 'description_en') }} as description_en,
    {{ json_text('value', 'interest_fr') }} as interest_fr,
    {{ json_text('value', 'interest_en') }} as interest_en,
    {{ json_text('value', 'legal_bases') }} as legal_bases,
    {{ json_text('value', 'consent_purposes') }} as consent_purposes,
    lower({{ json_text('value', 'is_profiling') }}) = 'true' as is_profiling,
    position
from ({{ parameter_rows('privacy_purposes') }}) as parameter_values
