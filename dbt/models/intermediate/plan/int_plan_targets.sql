-- One row per scope, metric and plan year: the first listed target, those for every year
-- repeated for each year of the plan.
with targets as (

    select * from {{ ref('kpi_targets') }}

),

plan_years as (

    select distinct plan_year from targets where plan_year is not null

)

select
    targets.scope,
    targets.metric,
    plan_years.plan_year,
    targets.target_id,
    targets.period,
    targets.direction,
    targets.target_value,
    targets.currency,
    targets.profile
from targets
inner join plan_years
    on targets.plan_year is null or targets.plan_year = plan_years.plan_year
qualify row_number() over (
    partition by targets.scope, targets.metric, plan_years.plan_year
    order by targets.position
) = 1
