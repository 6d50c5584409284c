select
    {{ json_text('value', 'account_type') }} as account_type,
    {{ json_text('value', 'role') }} as role,
    position
from ({{ parameter_rows('required_roles') }}) as parameter_values
