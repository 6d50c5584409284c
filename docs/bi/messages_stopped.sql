-- question: Why did messages not leave?
-- grain: one row per campaign or journey, channel and the first gate that stopped messages
-- caveat: a gate that is not final may let the message through later
select
    source_kind,
    source_key,
    channel,
    gate,
    gate_text,
    is_final,
    count(*) as messages,
    count(distinct contact_id) as contacts,
    sum(value_lost) as value_lost,
    max(decided_at) as last_decided_at
from marts.why_not_sent
group by source_kind, source_key, channel, gate, gate_text, is_final
order by messages desc, source_kind, source_key, channel, gate;
