{{ config(materialized='view') }}

-- One row per vertical, goal, path and unit: how often it walked the path, with and without a
-- conversion, and the number that its weights are drawn from. What the models are fitted on.
select
    paths.vertical,
    paths.goal,
    paths.path,
    {{ unit_number('paths.vertical', 'paths.unit_id', 'max(settings.seed)') }} as unit_number,
    cast(count(paths.conversion_id) as double) as conversions,
    cast(count(*) - count(paths.conversion_id) as double) as nulls,
    cast(coalesce(sum(conversions.revenue_base), 0) as double) as revenue
from {{ ref('int_attribution_paths') }} as paths
cross join {{ ref('stg_marketing__attribution_settings') }} as settings
left join {{ ref('int_attribution_conversions') }} as conversions
    on paths.conversion_id = conversions.conversion_id
group by paths.vertical, paths.goal, paths.path, paths.unit_id
