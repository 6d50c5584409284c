-- Names need not be unique; keys are.
with named as (
    select
        * replace (
            segment_name || if(count(*) over (partition by segment_name) > 1, ' (' || segment || ')', '')
                as segment_name
        )
    from marts.marketing_segments
    where is_current
),

shown as (
    select segment, segment_name, contacts
    from named
    where contacts > 0
    qualify row_number() over (partition by vertical order by contacts desc, segment_name) <= 40
),

used as (
    select
        *,
        max(reachable_contacts) over (partition by purpose, channel) as most_reachable
    from marts.segment_counts
)

select
    used.vertical,
    shown.segment_name,
    replace(used.purpose || ' by ' || used.channel, '_', ' ') as consent,
    used.members,
    used.reachable_contacts,
    used.sendable_contacts,
    used.reachable_share
from used
inner join shown on used.segment = shown.segment
where used.most_reachable > 0
order by shown.contacts desc, shown.segment_name, used.most_reachable desc, consent
