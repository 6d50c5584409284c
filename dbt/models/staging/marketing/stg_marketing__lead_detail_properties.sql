select
    {{ json_text('value', 'property') }} as property_name,
    position
from ({{ parameter_rows('lead_detail_properties') }}) as parameter_values
