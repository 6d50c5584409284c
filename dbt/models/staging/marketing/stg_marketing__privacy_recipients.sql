select
    {{ json_text('value', 'recipient') }} as recipient,
    {{ json_text('value', 'name') }} as name,
    {{ json_text('value', 'role') }} as role,
    {{ json_text('value', 'country') }} as country,
    {{ json_text('value', 'what_fr') }} as what_fr,
    {{ json_text('value', 'what_en') }} as what_en,
    {{ json_text('value', 'safeguard_fr') }} as safeguard_fr,
    {{ json_text('value', 'safeguard_en') }} as safeguard_en,
    position
from ({{ parameter_rows('privacy_recipients') }}) as parameter_values
