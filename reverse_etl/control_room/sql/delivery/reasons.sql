select
    vertical,
    channel,
    message_class,
    gate,
    detail,
    count(*) as messages,
    count(distinct contact_id) as contacts
from marts.why_not_sent
group by all
order by messages desc, gate, detail, vertical, channel, message_class
limit 100
