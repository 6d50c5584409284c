select
    cast({{ json_text('value', 'line') }} as integer) as line,
    {{ json_text('value', 'name') }} as name,
    cast({{ json_text('value', 'tier') }} as integer) as tier,
    {{ json_text('value', 'siren') }} as siren,
    {{ json_text('value', 'insee_code') }} as insee_code,
    {{ json_text('value', 'crm_id') }} as crm_id,
    {{ json_text('value', 'domain') }} as domain
from ({{ parameter_rows('target_accounts') }}) as parameter_values
