-- Chains of customer and revenue targets: additions against stocks, and months against years.
with years as (

    select * from {{ ref('int_plan_years') }}

),

totals as (

    select
        targets.metric,
        targets.plan_year,
        sum(targets.target_value) as total
    from {{ ref('int_plan_targets') }} as targets
    inner join {{ ref('kpi_metrics') }} as metrics
        on targets.metric = metrics.metric and metrics.kind in ('flow', 'stock')
    where targets.scope <> 'company'
    group by targets.metric, targets.plan_year
    having count(*) = (select count(*) from {{ ref('stg_marketing__verticals') }})

),

findings as (

    select
        'adds_and_stock' as rule,
        scope,
        'customers' as metric,
        plan_year,
        'customers kept from the year before + 12 x new_customers' as reading_a,
        coalesce(customers_before, 0) * power(1 - coalesce(logo_churn, 0), 12) + 12 * new_customers
            as value_a,
        'customers at the year''s end' as reading_b,
        customers as value_b,
        '12 x new_customers alone is ' || cast(12 * new_customers as varchar)
        || ': the total may have been read as additions' as explanation,
        {{ plan_tolerance() }} as tolerance
    from years
    union all
    select
        'new_mrr_and_arr' as rule,
        scope,
        'new_mrr' as metric,
        plan_year,
        'ARR of the year before + 12 months of new_mrr x 12' as reading_a,
        coalesce(arr_before, 0) + new_mrr * 144 as value_a,
        'arr at the year''s end' as reading_b,
        arr as value_b,
        'The target reads as the MRR at the year''s end: ' || cast(round(arr / 12, 2) as varchar)
            as explanation,
        {{ plan_tolerance() }} as tolerance
    from years
    union all
    select
        'new_mrr_per_customer' as rule,
        scope,
        'new_mrr' as metric,
        plan_year,
        'new_mrr / new_customers' as reading_a,
        new_mrr / nullif(new_customers, 0) as value_a,
        'arr / 12 / customers' as reading_b,
        arpa as value_b,
        'A new customer would pay a different multiple of what a customer pays' as explanation,
        {{ plan_tolerance() }} as tolerance
    from years
    union all
    select
        'mrr_and_arr' as rule,
        scope,
        'mrr' as metric,
        plan_year,
        'mrr x 12' as reading_a,
        mrr * 12 as value_a,
        'arr' as reading_b,
        arr as value_b,
        'ARR is MRR x 12' as explanation,
        {{ plan_tolerance() }} as tolerance
    from years
    union all
    select
        'company_total' as rule,
        'company' as scope,
        totals.metric,
        totals.plan_year,
        'sum of the verticals' as reading_a,
        totals.total as value_a,
        'the company''s target' as reading_b,
        company.target_value as value_b,
        'The verticals do not sum to the company' as explanation,
        0.005 as tolerance
    from totals
    inner join {{ ref('int_plan_targets') }} as company
        on
            totals.metric = company.metric
            and totals.plan_year = company.plan_year
            and company.scope = 'company'

)

select
    rule,
    scope,
    metric,
    plan_year,
    reading_a,
    value_a,
    reading_b,
    value_b,
    explanation,
    cast(null as varchar) as target_ids
from findings
where {{ readings_differ('value_a', 'value_b', 'tolerance') }}
