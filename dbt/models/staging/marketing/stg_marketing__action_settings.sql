select
    {{ json_text('value', 'enabled') }} = 'true' as is_enabled,
    cast({{ json_text('value', 'round_days') }} as integer) as round_days,
    {{ json_number('stop_cost') }} as stop_cost
from ({{ parameter_rows('action_settings') }}) as parameter_values
