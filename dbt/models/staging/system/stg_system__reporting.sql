-- What every report is made by. Months of every report are local to time_zone. Apart from the run's
-- clock, so that what needs no clock stands when only time has passed.
{{ config(materialized='table') }}

with plan as (

    select cast({{ json_text('value', 'plan_start_on') }} as date) as plan_start_on
    from ({{ parameter_rows('plan') }}) as plan_parameters

)

select
    run_context.time_zone,
    run_context.base_currency,
    -- Without a plan the plan year is the calendar year.
    coalesce(plan.plan_start_on, date '2000-01-01') as plan_start_on,
    plan.plan_start_on is not null as has_plan
from {{ source('lake', 'run_context') }} as run_context
left join plan on true
