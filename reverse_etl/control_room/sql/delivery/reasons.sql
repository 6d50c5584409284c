select
    vertical,
    channel,
    message_class,
    gate,
    detail,
    count(*) as messages,
    count(distinct contact_id) as contacts
from marts.why_not_sent
group by vertical, channel, message_class, gate, detail
qualify row_number() over (
    partition by vertical order by count(*) desc, gate, detail, channel, message_class
) <= 100
order by messages desc, gate, detail, vertical, channel, message_class
