select
    drift.evaluated_at,
    segments.segment_name,
    drift.vertical,
    drift.members,
    drift.usual_members,
    drift.drift,
    drift.status,
    drift.is_definition_changed
from marts.segment_drift as drift
inner join marts.marketing_segments as segments
    on drift.segment = segments.segment and segments.is_current
where drift.drift is not null
    and drift.evaluated_at > (
        select max(evaluated_at) from marts.segment_drift
    ) - interval 30 days
    and (abs(drift.drift) >= 0.1 or drift.status = 'held')
qualify row_number() over (
    partition by drift.vertical
    order by drift.evaluated_at desc, drift.status = 'held' desc, abs(drift.drift) desc, drift.segment
) <= 40
order by
    drift.evaluated_at desc, drift.status = 'held' desc, abs(drift.drift) desc, segments.segment_name
