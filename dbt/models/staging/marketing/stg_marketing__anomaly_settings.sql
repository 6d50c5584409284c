select
    {% for column in ['weeks', 'least_weeks', 'report_days', 'shift_days'] -%}
    cast({{ json_text('value', column) }} as integer) as {{ column }},
    {% endfor -%}
    {{ json_number('least_z') }} as least_z,
    {{ json_number('least_volume') }} as least_volume,
    {{ json_number('false_discoveries') }} as false_discoveries
from ({{ parameter_rows('anomaly_settings') }}) as parameter_values
