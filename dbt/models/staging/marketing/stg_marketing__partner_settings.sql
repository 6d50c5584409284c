select {{ json_text('value', 'crm_property') }} as crm_property
from ({{ parameter_rows('partner_settings') }}) as parameter_values
