-- The run's own clock and reporting settings. Months of every report are local to time_zone.
with run_context as (

    select * from {{ source('lake', 'run_context') }}

),

localised as (

    select
        run_id,
        snapshot_id,
        as_of,
        time_zone,
        base_currency,
        {{ local_time('as_of', 'time_zone') }} as as_of_local
    from run_context

),

plan as (

    select cast({{ json_text('value', 'plan_start_on') }} as date) as plan_start_on
    from ({{ parameter_rows('plan') }}) as plan_parameters

)

select
    localised.run_id,
    localised.snapshot_id,
    localised.as_of,
    localised.time_zone,
    localised.base_currency,
    localised.as_of_local,
    cast(localised.as_of_local as date) as as_of_on,
    {{ month_of('localised.as_of_local') }} as as_of_month,
    -- Without a plan the plan year is the calendar year.
    coalesce(plan.plan_start_on, date '2000-01-01') as plan_start_on,
    plan.plan_start_on is not null as has_plan
from localised
left join plan on true
