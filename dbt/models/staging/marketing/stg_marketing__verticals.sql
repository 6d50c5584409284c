select
    parameter_key as vertical,
    position,
    {{ json_text('value', 'name') }} as vertical_name,
    {{ json_text('value', 'market') }} as market,
    {{ json_text('value', 'customer_unit') }} as customer_unit,
    cast({{ json_text('value', 'trial_days') }} as integer) as trial_days,
    cast({{ json_text('value', 'gross_margin') }} as double) as gross_margin,
    cast({{ json_text('value', 'cohort_window_days') }} as integer) as cohort_window_days
from ({{ parameter_rows('verticals') }}) as parameter_values
