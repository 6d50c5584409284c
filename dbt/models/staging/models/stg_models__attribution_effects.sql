-- What this run's fit found; where a run made none, the latest one's.
select
    effects.vertical,
    effects.goal,
    effects.model,
    effects.path,
    cast(effects.replicate as integer) as replicate,
    effects.channel,
    effects.value
from {{ source('lake', 'attribution_effects') }} as effects
cross join {{ source('lake', 'run_context') }} as run_context
qualify dense_rank() over (
    order by
        effects.as_of desc,
        case when effects.snapshot_id = run_context.snapshot_id then 0 else 1 end asc,
        effects.snapshot_id asc
) = 1
