select
    parameter_key as identifier_type,
    position,
    cast({{ json_text('value', 'most_contacts') }} as integer) as most_contacts,
    cast({{ json_text('value', 'most_per_contact') }} as integer) as most_per_contact,
    {{ json_text('value', 'names') }} as names
from ({{ parameter_rows('identity_limits') }}) as parameter_values
