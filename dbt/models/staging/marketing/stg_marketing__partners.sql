select
    {{ json_text('value', 'partner_id') }} as partner_id,
    {{ json_text('value', 'name') }} as partner_name,
    {{ json_text('value', 'partner_type') }} as partner_type,
    {{ json_text('value', 'verticals') }} as verticals,
    position
from ({{ parameter_rows('partners') }}) as parameter_values
