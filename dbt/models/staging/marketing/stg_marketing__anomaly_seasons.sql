select
    {{ json_text('value', 'vertical') }} as vertical,
    cast({{ json_text('value', 'month') }} as integer) as season_month,
    {{ json_text('value', 'name') }} as season_name
from ({{ parameter_rows('anomaly_seasons') }}) as parameter_values
