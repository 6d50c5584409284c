-- One row per month and window in which schedules were due: how many of their times ended in a run
-- that succeeded and had begun before the next time.
with judged as (

    select
        month,
        case when outcome = 'succeeded' then 1 else 0 end as succeeded
    from {{ ref('scheduled_runs') }}
    where outcome not in ('open', 'skipped', 'unknown')

)

select
    windows.month,
    windows.metric_window,
    cast(sum(judged.succeeded) as bigint) as succeeded,
    count(*) as scheduled
from judged
inner join {{ ref('int_reporting_windows') }} as windows on judged.month = windows.window_month
group by windows.month, windows.metric_window
