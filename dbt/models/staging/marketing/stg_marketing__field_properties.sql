select
    {{ json_text('value', 'owner') }} as owner,
    {{ json_text('value', 'property') }} as property,
    {{ json_text('value', 'type') }} as value_type
from ({{ parameter_rows('field_properties') }}) as parameter_values
