select
    vertical,
    gate,
    any_value(gate_text) as gate_text,
    count(*) as messages,
    count(*) filter (where is_final) as for_good,
    count(*) filter (where not is_final) as waiting,
    count(*) filter (where is_unreachable) as unreachable,
    count(distinct contact_id) as contacts,
    min(deferred_until_at) as next_at
from marts.why_not_sent
group by vertical, gate, gate_position
order by gate_position, vertical
