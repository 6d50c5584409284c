select
    {{ json_text('value', 'gate') }} as gate,
    position,
    {{ json_text('value', 'kind') }} as kind,
    {{ json_text('value', 'text') }} as gate_text
from ({{ parameter_rows('message_gates') }}) as parameter_values
