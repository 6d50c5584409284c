-- One row per month and window with requests to the read API that were not refused: the time below
-- which 95 % of them were answered, from the buckets of the whole window.
with windowed as (

    select
        windows.month,
        windows.metric_window,
        answers.from_ms,
        answers.below_ms,
        sum(answers.requests) as requests
    from {{ ref('int_answer_times') }} as answers
    inner join {{ ref('int_reporting_windows') }} as windows
        on {{ month_of('answers.answered_on') }} = windows.window_month
    where answers.family = 'read_api' and answers.outcome <> 'refused'
    group by windows.month, windows.metric_window, answers.from_ms, answers.below_ms

),

cumulated as (

    {{ cumulated_buckets('windowed', ['month', 'metric_window']) }}

)

select
    month,
    metric_window,
    cast(max(all_requests) as bigint) as requests,
    cast(ceil(max(all_requests) * 95 / 100e0) as bigint) as requests_within,
    max({{ quantile_in_bucket(95) }}) as p95_ms
from cumulated
group by month, metric_window
