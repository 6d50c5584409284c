select
    {{ json_text('value', 'name') }} as name,
    {{ json_text('value', 'purpose') }} as purpose
from ({{ parameter_rows('consent_purpose_names') }}) as parameter_values
