-- The version in force of each count. A bucket holds the times from its bound to below the next.
with http_latencies as (

    select *
    from {{ source('lake', 'http_latencies') }}
    qualify row_number() over (
        partition by worker_id, period, family, outcome, from_ms
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    worker_id,
    period,
    family,
    outcome,
    from_ms,
    below_ms,
    requests,
    occurred_at,
    known_at
from http_latencies
