select
    run_id,
    as_of,
    step,
    status,
    started_at,
    finished_at,
    duration_ms,
    rows as row_count,
    detail
from {{ source('lake', 'run_log') }}
