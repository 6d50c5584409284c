select
    parameter_key as vertical,
    cast({{ json_text('value', 'lookback_days') }} as double) as lookback_days,
    cast({{ json_text('value', 'half_life_days') }} as double) as half_life_days,
    {{ json_text('value', 'unit') }} as unit_type
from ({{ parameter_rows('attribution_verticals') }}) as parameter_values
