select
    {{ json_text('value', 'store') }} as store,
    {{ json_text('value', 'name') }} as name,
    {{ json_text('value', 'category') }} as category,
    {{ json_text('value', 'identifying_columns') }} as identifying_columns,
    {{ json_text('value', 'mentioning_columns') }} as mentioning_columns,
    {{ json_text('value', 'personal_columns') }} as personal_columns,
    {{ json_text('value', 'after_erasure') }} as after_erasure,
    position
from ({{ parameter_rows('personal_data') }}) as parameter_values
