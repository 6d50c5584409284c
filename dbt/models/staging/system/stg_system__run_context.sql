-- The run's own clock. A table, so that what reads it stands for as long as the clock does.
{{ config(materialized='table') }}

with run_context as (

    select * from {{ source('lake', 'run_context') }}

),

localised as (

    select
        as_of,
        {{ local_time('as_of', 'time_zone') }} as as_of_local
    from run_context

)

select
    localised.as_of,
    localised.as_of_local,
    cast(localised.as_of_local as date) as as_of_on,
    {{ month_of('localised.as_of_local') }} as as_of_month,
    reporting.time_zone,
    reporting.base_currency,
    reporting.plan_start_on,
    reporting.has_plan
from localised
cross join {{ ref('stg_system__reporting') }} as reporting
