{{ config(materialized='view') }}

-- Entries so long ago that 95 of 100 would have ended by today: of younger ones mostly those that
-- end early have ended, which says nothing of completion.
with executions as (

    select * from {{ ref('journey_executions') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

durations as (

    select
        journey,
        percentile_cont(0.95) within group (order by duration_days) as p95_days
    from executions
    group by journey

)

select
    executions.enrolment_id,
    executions.journey,
    executions.entered_at,
    executions.status
from executions
inner join durations on executions.journey = durations.journey
cross join run_context
where
    executions.status != 'active'
    and {{ seconds_between('executions.entered_at', 'run_context.as_of') }} / 86400e0
    >= durations.p95_days
