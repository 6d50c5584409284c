select
    cast({{ json_text('value', 'coverage_goal') }} as double) as coverage_goal,
    cast({{ json_text('value', 'content_to_meeting_days') }} as integer) as content_to_meeting_days,
    cast({{ json_text('value', 'period_days') }} as integer) as period_days,
    cast({{ json_text('value', 'baseline_starts_on') }} as date) as baseline_starts_on
from ({{ parameter_rows('account_settings') }}) as parameter_values
