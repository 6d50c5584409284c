-- Messages that were given to a provider and have ended, after all retries. What is unknown counts
-- once it is settled.
with ended as (

    select
        case when queue.outcome = 'sent' then 0 else 1 end as is_failed,
        {{ month_of(local_time('queue.state_since_at', 'reporting.time_zone')) }} as month
    from {{ ref('message_queue') }} as queue
    cross join {{ ref('stg_system__reporting') }} as reporting
    where queue.status in ('accepted', 'failed', 'failed_unknown') and queue.attempts > 0

)

select
    windows.month,
    windows.metric_window,
    cast(sum(ended.is_failed) as bigint) as failed,
    count(*) as ended
from ended
inner join {{ ref('int_reporting_windows') }} as windows on ended.month = windows.window_month
group by windows.month, windows.metric_window
