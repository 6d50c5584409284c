select
    {{ json_text('value', 'audience') }} as audience,
    {{ json_text('value', 'name') }} as name,
    position,
    cast({{ json_text('value', 'expected_size') }} as bigint) as expected_size,
    {{ json_text('value', 'expected_unit') }} as expected_unit
from ({{ parameter_rows('audiences') }}) as parameter_values
