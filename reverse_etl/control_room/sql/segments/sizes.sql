with latest_drift as (
    select * from marts.segment_drift
    qualify row_number() over (partition by segment order by evaluation_number desc) = 1
),

latest_accuracy as (
    select * from marts.segment_accuracy
    qualify row_number() over (partition by segment order by evaluation_number desc) = 1
)

select
    segments.segment_name,
    segments.vertical,
    case
        when segments.is_held then 'held'
        when segments.is_stale then 'stale'
        else 'up to date'
    end as status,
    segments.contacts,
    segments.accounts,
    segments.expected_size,
    drift.share_of_expected,
    drift.usual_members,
    drift.drift,
    accuracy.segment_precision,
    accuracy.segment_recall,
    segments.computed_at
from marts.marketing_segments as segments
left join latest_drift as drift on segments.segment = drift.segment
left join latest_accuracy as accuracy on segments.segment = accuracy.segment
where segments.is_current
order by
    segments.is_held desc, segments.is_stale desc, segments.priority, segments.segment_name
