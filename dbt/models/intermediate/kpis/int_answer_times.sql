-- One row per family of routes, local day, outcome and bucket with requests to the server. Buckets
-- sum over days, months and workers as they are.
with latencies as (

    select * from {{ ref('stg_system__http_latencies') }}
    where requests > 0

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

)

select
    latencies.family,
    cast({{ local_time('latencies.occurred_at', 'reporting.time_zone') }} as date) as answered_on,
    latencies.outcome,
    latencies.from_ms,
    latencies.below_ms,
    cast(sum(latencies.requests) as bigint) as requests
from latencies
cross join reporting
group by
    latencies.family,
    cast({{ local_time('latencies.occurred_at', 'reporting.time_zone') }} as date),
    latencies.outcome,
    latencies.from_ms,
    latencies.below_ms
