select
    {{ json_text('value', 'metric') }} as metric,
    {{ json_text('value', 'name') }} as metric_name,
    {{ json_text('value', 'unit') }} as unit,
    {{ json_text('value', 'direction') }} as direction,
    position,
    cast({{ json_text('value', 'baseline') }} as double) as stored_baseline,
    cast({{ json_text('value', 'value') }} as double) as goal_value,
    cast({{ json_text('value', 'change') }} as double) as goal_change,
    cast({{ json_text('value', 'times') }} as double) as goal_times
from ({{ parameter_rows('account_metrics') }}) as parameter_values
