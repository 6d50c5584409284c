select
    vertical,
    concat_ws(' ', channel, replace(outcome, '_', ' ')) as label,
    count(*) as messages,
    count(*) / sum(count(*)) over (partition by vertical, channel) as share,
    count(distinct contact_id) as contacts,
    max(intended_at) as last_at
from marts.message_queue
group by vertical, channel, outcome
order by
    vertical,
    channel,
    list_position(['sent', 'underway', 'unknown', 'not_sent'], outcome)
