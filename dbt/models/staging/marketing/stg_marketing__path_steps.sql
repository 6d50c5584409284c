select
    {{ json_text('value', 'vertical') }} as vertical,
    {{ json_text('value', 'from_stage') }} as from_stage,
    {{ json_text('value', 'to_stage') }} as to_stage,
    cast({{ json_text('value', 'share') }} as double) as expected_share,
    position
from ({{ parameter_rows('path_steps') }}) as parameter_values
