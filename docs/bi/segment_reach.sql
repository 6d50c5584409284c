-- question: How many members of each segment may be written to, and could be at present?
-- grain: one row per segment, purpose and channel with members
-- caveat: people are in several segments and consent to several purposes: never add these up
select
    segment,
    vertical,
    purpose,
    channel,
    members,
    reachable_contacts,
    sendable_contacts,
    1.0 * reachable_contacts / nullif(members, 0) as reachable_share
from marts.segment_counts
where members > 0
order by members desc, segment, purpose, channel;
