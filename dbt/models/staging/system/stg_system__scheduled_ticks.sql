-- The last word on each time at which a schedule was due.
with scheduled_ticks as (

    select *
    from {{ source('lake', 'scheduled_ticks') }}
    qualify row_number() over (
        partition by schedule, scheduled_at order by sequence desc
    ) = 1

)

select
    schedule,
    scheduled_at,
    next_at,
    tick,
    run_id,
    run_status,
    began_at,
    ended_at,
    known_at
from scheduled_ticks
