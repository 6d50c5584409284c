select
    segments.segment_name,
    segments.vertical,
    suggested.suggestion_rank,
    suggested.action_name,
    suggested.action_kind,
    suggested.channel,
    suggested.members,
    suggested.candidates,
    suggested.contacts,
    suggested.expected_responses,
    suggested.expected_gain,
    suggested.basis
from marts.campaign_suggestions as suggested
inner join marts.marketing_segments as segments
    on suggested.segment = segments.segment and segments.is_current
where suggested.suggestion_rank <= 3 and suggested.contacts > 0
order by
    max(suggested.expected_gain) over (partition by suggested.segment) desc,
    segments.segment_name,
    suggested.suggestion_rank
limit 120
