select
    parameter_key as control,
    position as control_position,
    {{ json_text('value', 'name') }} as control_name,
    {{ json_text('value', 'asked_by') }} as asked_by,
    {{ json_number('at_most') }} as at_most,
    {{ json_number('at_least') }} as at_least
from ({{ parameter_rows('controls') }}) as parameter_values
