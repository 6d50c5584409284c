select
    vertical,
    channel,
    outcome,
    status,
    provider,
    count(*) as messages,
    min(scheduled_at) as first_due_at,
    min(state_since_at) as since_at
from marts.message_queue
where outcome in ('underway', 'unknown')
group by all
order by outcome desc, since_at nulls last, vertical, channel, status, provider
