with suggested as (
    select
        segments.segment_name,
        segments.vertical,
        suggestions.*,
        max(suggestions.expected_gain) over (partition by suggestions.segment) as highest_gain
    from marts.campaign_suggestions as suggestions
    inner join marts.marketing_segments as segments
        on suggestions.segment = segments.segment and segments.is_current
    where suggestions.suggestion_rank <= 3 and suggestions.contacts > 0
)

select
    segment_name,
    vertical,
    suggestion_rank,
    action_name,
    action_kind,
    channel,
    members,
    candidates,
    contacts,
    expected_responses,
    expected_gain,
    basis
from suggested
qualify dense_rank() over (partition by vertical order by highest_gain desc, segment) <= 40
order by highest_gain desc, segment_name, suggestion_rank
