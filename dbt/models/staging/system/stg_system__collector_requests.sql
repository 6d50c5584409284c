-- The version in force of each count. A bucket holds the requests above the bucket before it.
with collector_requests as (

    select *
    from {{ source('lake', 'collector_requests') }}
    qualify row_number() over (
        partition by segment_id, up_to_ms
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    segment_id,
    collected_kind,
    up_to_ms,
    requests,
    occurred_at,
    known_at
from collector_requests
