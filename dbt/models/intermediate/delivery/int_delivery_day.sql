-- Messages that were given to a provider and ended in the day before as_of, after all retries.
with ended as (

    select
        queue.channel,
        case when queue.outcome = 'sent' then 0 else 1 end as is_failed
    from {{ ref('message_queue') }} as queue
    cross join {{ ref('stg_system__run_context') }} as run_context
    where
        queue.status in ('accepted', 'failed', 'failed_unknown')
        and queue.attempts > 0
        and queue.state_since_at > {{ days_later('run_context.as_of', '-1') }}

)

select
    channel,
    cast(sum(is_failed) as bigint) as failed,
    count(*) as ended
from ended
group by channel
