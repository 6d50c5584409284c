-- What this run's fit found, which is all that it shows; where a run made none, the latest one's.
select
    vertical,
    goal,
    model,
    path,
    channel,
    value
from {{ source('lake', 'attribution_effects') }}
where replicate = 0
qualify dense_rank() over (order by as_of desc, snapshot_id asc) = 1
