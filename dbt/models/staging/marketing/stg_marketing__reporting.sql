select
    {{ json_text('value', 'time_zone') }} as time_zone,
    {{ json_text('value', 'base_currency') }} as base_currency
from ({{ parameter_rows('reporting') }}) as parameter_values
