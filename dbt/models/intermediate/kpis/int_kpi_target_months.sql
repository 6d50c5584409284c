{{ config(materialized='view') }}

-- One row per scope, metric, window and month with a target: that of the plan year, else the one
-- for every year; of several profiles the first listed.
with targets as (

    select * from {{ ref('kpi_targets') }}

),

months as (

    select * from {{ ref('int_months') }} where plan_year >= 1

)

select
    targets.scope,
    targets.metric,
    targets.metric_window,
    months.month,
    targets.target_id,
    targets.target_value_base as target_value,
    targets.direction,
    targets.period
from targets
inner join months on targets.plan_year is null or targets.plan_year = months.plan_year
qualify row_number() over (
    partition by targets.scope, targets.metric, targets.metric_window, months.month
    order by targets.plan_year nulls last, targets.position
) = 1
