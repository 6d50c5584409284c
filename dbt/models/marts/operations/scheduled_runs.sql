-- A run that has not ended a day after it was due is taken for one that never will.
with ticks as (

    select * from {{ ref('stg_system__scheduled_ticks') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

judged as (

    select
        ticks.*,
        {{ month_of(local_time('ticks.scheduled_at', 'run_context.time_zone')) }} as month,
        ticks.scheduled_at + interval '24' hour < run_context.as_of as is_old,
        coalesce(ticks.run_status in ('success', 'failure', 'canceled'), false) as has_ended
    from ticks
    cross join run_context

)

select
    schedule,
    scheduled_at,
    month,
    case
        when tick in ('missed', 'skipped', 'failed') then tick
        when tick = 'launched' and run_status is null then 'unknown'
        when not has_ended and is_old then 'unfinished'
        when not has_ended then 'open'
        when run_status = 'failure' then 'failed'
        when run_status = 'canceled' then 'canceled'
        when began_at < next_at then 'succeeded'
        else 'late'
    end as outcome,
    next_at,
    run_id,
    began_at,
    ended_at,
    {{ seconds_between('scheduled_at', 'began_at') }} as waited_seconds,
    {{ seconds_between('began_at', 'ended_at') }} as ran_seconds
from judged
