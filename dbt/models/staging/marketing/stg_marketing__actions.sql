select
    {{ json_text('value', 'action') }} as action,
    {{ json_text('value', 'name') }} as action_name,
    {{ json_text('value', 'kind') }} as action_kind,
    {{ json_text('value', 'vertical') }} as vertical,
    {{ json_text('value', 'campaign') }} as campaign,
    {{ json_text('value', 'purpose') }} as purpose,
    {{ json_text('value', 'channel') }} as channel,
    {{ json_number('value') }} as response_value,
    {{ json_number('cost') }} as cost,
    {{ json_text('value', 'is_approved') }} = 'true' as is_approved
from ({{ parameter_rows('actions') }}) as parameter_values
