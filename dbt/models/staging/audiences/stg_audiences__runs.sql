select
    sync_id,
    destination,
    audience,
    status,
    reason,
    queried,
    added,
    changed,
    removed,
    unchanged,
    invalid,
    delivered,
    failed,
    as_of,
    started_at,
    finished_at
from {{ source('lake', 'audience_runs') }}
