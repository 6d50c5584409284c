select
    {{ json_text('value', 'target_id') }} as target_id,
    position,
    {{ json_text('value', 'scope') }} as scope,
    {{ json_text('value', 'profile') }} as profile,
    {{ json_text('value', 'metric') }} as metric,
    {{ json_text('value', 'unit') }} as unit,
    {{ json_text('value', 'currency') }} as currency,
    {{ json_text('value', 'direction') }} as direction,
    {{ json_text('value', 'period') }} as period,
    {{ json_text('value', 'window') }} as metric_window,
    cast({{ json_text('value', 'plan_year') }} as integer) as plan_year,
    cast({{ json_text('value', 'plan_start_on') }} as date) as plan_start_on,
    cast({{ json_text('value', 'value') }} as double) as target_value,
    {{ json_text('value', 'source_note') }} as source_note
from ({{ parameter_rows('kpi_targets') }}) as parameter_values
