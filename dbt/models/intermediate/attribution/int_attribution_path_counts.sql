{{ config(materialized='view') }}

-- One row per vertical, goal, replicate (0: each path once) and path: how often it was walked, with
-- and without a conversion. What the data-driven models are fitted on.
with paths as (

    select * from {{ ref('int_attribution_paths') }}

),

distinct_paths as (

    select
        paths.vertical,
        paths.goal,
        paths.path,
        paths.unit_id,
        cast(count(paths.conversion_id) as double) as conversions,
        cast(count(*) - count(paths.conversion_id) as double) as nulls,
        cast(coalesce(sum(conversions.revenue_base), 0) as double) as revenue
    from paths
    left join {{ ref('int_attribution_conversions') }} as conversions
        on paths.conversion_id = conversions.conversion_id
    group by paths.vertical, paths.goal, paths.path, paths.unit_id

)

select
    vertical,
    goal,
    0 as replicate,
    path,
    sum(conversions) as conversions,
    sum(nulls) as nulls,
    sum(revenue) as revenue
from distinct_paths
group by vertical, goal, path
union all
select
    counted.vertical,
    counted.goal,
    weights.replicate,
    counted.path,
    sum(counted.conversions * weights.weight) as conversions,
    sum(counted.nulls * weights.weight) as nulls,
    sum(counted.revenue * weights.weight) as revenue
from distinct_paths as counted
inner join {{ ref('int_attribution_weights') }} as weights
    on counted.vertical = weights.vertical and counted.unit_id = weights.unit_id
group by counted.vertical, counted.goal, weights.replicate, counted.path
