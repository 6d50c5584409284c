select
    {{ json_text('value', 'scope') }} as vertical,
    {{ json_text('value', 'line') }} as line,
    {{ json_text('value', 'cost_class') }} as cost_class,
    cast({{ json_text('value', 'year_1_amount') }} as double) as year_1_amount,
    {{ json_text('value', 'note') }} as source_note
from ({{ parameter_rows('counted_twice') }}) as parameter_values
