with runs as (

    select * from {{ ref('stg_audiences__runs') }}

),

defined as (

    select * from {{ ref('stg_marketing__audience_syncs') }}

)

select
    runs.sync_id,
    runs.destination,
    runs.audience,
    defined.name as audience_name,
    defined.segment,
    defined.purpose,
    runs.status,
    runs.status = 'planned' as is_dry_run,
    runs.status = 'held' as is_held,
    runs.reason,
    runs.queried,
    runs.added,
    runs.changed,
    runs.removed,
    runs.unchanged,
    runs.invalid,
    runs.delivered,
    runs.failed,
    runs.as_of as synced_as_of,
    runs.started_at,
    runs.finished_at
from runs
left join defined on runs.audience = defined.audience
