select
    position as form_position,
    {{ json_text('value', 'source') }} as source,
    {{ json_text('value', 'name') }} as name,
    {{ json_text('value', 'field') }} as field,
    {{ json_text('value', 'purpose') }} as purpose,
    {{ json_text('value', 'channel') }} as channel,
    {{ json_text('value', 'legal_basis') }} as legal_basis,
    {{ json_text('value', 'text_version') }} as text_version
from ({{ parameter_rows('consent_forms') }}) as parameter_values
