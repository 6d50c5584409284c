-- Chains of unit economics: lifetime value, churn by month and by year, acquisition cost.
with years as (

    select * from {{ ref('int_plan_years') }}

),

twice as (

    select
        vertical as scope,
        sum(year_1_amount) as amount
    from {{ ref('stg_marketing__counted_twice') }}
    group by vertical

),

differing as (

    select
        'ltv_chain' as rule,
        scope,
        'ltv_to_cac' as metric,
        plan_year,
        'arpa x gross margin / logo_churn' as reading_a,
        arpa * gross_margin / nullif(logo_churn, 0) as value_a,
        'ltv_to_cac x cac_full' as reading_b,
        ltv_implied as value_b,
        'The lifetime value by revenue and churn is not the one the ratio implies' as explanation
    from years
    union all
    select
        'cost_and_cac' as rule,
        scope,
        'cac_full' as metric,
        plan_year,
        '(marketing_cost + sales_cost) / customers added' as reading_a,
        (marketing_cost + sales_cost) / nullif(customers - coalesce(customers_before, 0), 0)
            as value_a,
        'cac_full' as reading_b,
        cac_full as value_b,
        'The budget and the customers do not give the acquisition cost' as explanation
    from years
    union all
    select
        'cost_counted_twice' as rule,
        years.scope,
        'cac_full' as metric,
        years.plan_year,
        'cac_full without the cost lines counted twice' as reading_a,
        (years.marketing_cost + years.sales_cost - twice.amount) / nullif(years.customers, 0)
            as value_a,
        'cac_full' as reading_b,
        years.cac_full as value_b,
        'A sales line stands in the marketing budget beside the sales costs' as explanation
    from years
    inner join twice on years.scope = twice.scope
    where years.plan_year = 1

),

constant as (

    select
        scope,
        min(ltv_implied) as lowest,
        max(ltv_implied) as highest
    from years
    where ltv_implied is not null
    group by scope
    having count(*) > 1 and count(distinct logo_churn) > 1

)

select
    *,
    cast(null as varchar) as target_ids
from differing
where {{ readings_differ('value_a', 'value_b') }}
union all
select
    'ltv_constant' as rule,
    constant.scope,
    'ltv_to_cac' as metric,
    null as plan_year,
    'lowest ltv_to_cac x cac_full of all years' as reading_a,
    constant.lowest as value_a,
    'highest ltv_to_cac x cac_full of all years' as reading_b,
    constant.highest as value_b,
    'The lifetime value stays the same in every year although churn changes' as explanation,
    null as target_ids
from constant
where not {{ readings_differ('constant.lowest', 'constant.highest', 0.01) }}
union all
select
    'ltv_horizon' as rule,
    scope,
    'ltv' as metric,
    plan_year,
    'arpa x gross margin x 60 months' as reading_a,
    arpa * gross_margin * 60 as value_a,
    'ltv' as reading_b,
    ltv as value_b,
    'The target lies beyond the horizon of 60 months at which ltv is capped' as explanation,
    null as target_ids
from years
where ltv > arpa * gross_margin * 60
union all
select
    'churn_period' as rule,
    scope,
    'logo_churn_annual' as metric,
    plan_year,
    '1 - (1 - logo_churn)^12' as reading_a,
    1 - power(1 - logo_churn, 12) as value_a,
    'logo_churn_annual' as reading_b,
    logo_churn_annual as value_b,
    'A month that meets the monthly target misses the yearly one' as explanation,
    null as target_ids
from years
where 1 - power(1 - logo_churn, 12) > logo_churn_annual
