-- Chains of funnel targets: a ratio, the two counts it joins, and the company's floor or limit.
with targets as (

    select * from {{ ref('int_plan_targets') }}

),

ratios as (

    select * from {{ ref('kpi_metrics') }} where kind = 'throughput'

),

counts as (

    select * from targets where period = 'month'

),

chains as (

    select
        ratios.metric,
        numerators.scope,
        numerators.plan_year,
        numerators.metric as numerator_metric,
        numerators.target_value as numerator_value,
        numerators.target_id as numerator_id,
        coalesce(denominators.metric, fallbacks.metric) as denominator_metric,
        coalesce(denominators.target_value, fallbacks.target_value) as denominator_value,
        coalesce(denominators.target_id, fallbacks.target_id) as denominator_id
    from ratios
    inner join counts as numerators on ratios.numerator = numerators.metric
    left join counts as denominators
        on
            ratios.denominator = denominators.metric
            and numerators.scope = denominators.scope
            and numerators.plan_year = denominators.plan_year
    left join counts as fallbacks
        on
            ratios.chain_denominator = fallbacks.metric
            and numerators.scope = fallbacks.scope
            and numerators.plan_year = fallbacks.plan_year
    where coalesce(denominators.target_value, fallbacks.target_value) > 0

),

implied as (

    select
        *,
        numerator_value / denominator_value as implied_ratio
    from chains

)

-- The vertical's own ratio: one count times the ratio must give the next count.
select
    'throughput_chain' as rule,
    implied.scope,
    implied.metric,
    implied.plan_year,
    implied.denominator_metric || ' x ' || implied.metric || ' per month' as reading_a,
    implied.denominator_value * targets.target_value as value_a,
    implied.numerator_metric || ' per month' as reading_b,
    implied.numerator_value as value_b,
    'The counts imply ' || implied.metric || ' = '
    || cast(round(implied.implied_ratio, 4) as varchar) || ' against '
    || cast(targets.target_value as varchar) as explanation,
    implied.denominator_id || ', ' || targets.target_id || ', ' || implied.numerator_id
        as target_ids
from implied
inner join targets
    on
        implied.scope = targets.scope
        and implied.metric = targets.metric
        and implied.plan_year = targets.plan_year
where {{ readings_differ(
    'implied.denominator_value * targets.target_value', 'implied.numerator_value'
) }}
union all
-- The company's ratio: each vertical's own counts must satisfy it.
select
    'company_ratio' as rule,
    implied.scope,
    implied.metric,
    implied.plan_year,
    implied.numerator_metric || ' / ' || implied.denominator_metric || ' of the vertical'
        as reading_a,
    implied.implied_ratio as value_a,
    implied.metric || ' of the company, ' || targets.direction as reading_b,
    targets.target_value as value_b,
    'A vertical that meets its own counts misses the company-wide ratio' as explanation,
    implied.denominator_id || ', ' || implied.numerator_id || ', ' || targets.target_id
        as target_ids
from implied
inner join targets
    on
        implied.metric = targets.metric
        and implied.plan_year = targets.plan_year
        and targets.scope = 'company'
where
    (targets.direction = 'above' and implied.implied_ratio <= targets.target_value)
    or (targets.direction = 'at_least' and implied.implied_ratio < targets.target_value)
    or (targets.direction = 'below' and implied.implied_ratio >= targets.target_value)
    or (targets.direction = 'at_most' and implied.implied_ratio > targets.target_value)
