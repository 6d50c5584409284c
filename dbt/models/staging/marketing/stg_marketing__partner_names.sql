select
    {{ json_text('value', 'known_name') }} as known_name,
    {{ json_text('value', 'partner_id') }} as partner_id
from ({{ parameter_rows('partner_names') }}) as parameter_values
