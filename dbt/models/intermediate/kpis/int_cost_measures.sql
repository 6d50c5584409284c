{{ config(materialized='view') }}

-- One row per vertical, month and cost measure (actual costs, base currency).
with costs as (

    select
        costs.vertical,
        costs.cost_month as month,
        costs.cost_class,
        costs.amount_base,
        counted_twice.line is not null as is_counted_twice,
        coalesce(verticals.market, '') as market
    from {{ ref('fct_costs_monthly') }} as costs
    left join {{ ref('stg_marketing__counted_twice') }} as counted_twice
        on
            costs.vertical = counted_twice.vertical
            and costs.line = counted_twice.line
            and costs.cost_class = counted_twice.cost_class
    left join {{ ref('stg_marketing__verticals') }} as verticals
        on costs.vertical = verticals.vertical
    where costs.scenario = 'actual'

),

measured as (

    {% set measures = {
        'marketing_cost': "cost_class = 'marketing'",
        'sales_cost': "cost_class = 'sales'",
        'acquisition_cost': "cost_class in ('marketing', 'sales')",
        'deduplicated_cost': "cost_class in ('marketing', 'sales') and not is_counted_twice",
    } -%}
    {% for measure, condition in measures.items() -%}
    select
        vertical,
        month,
        '{{ measure }}' as measure,
        cast(sum(case when {{ condition }} then amount_base else 0 end) as double) as value,
        sum(case when {{ condition }} and amount_base is null then 1 else 0 end) as unknown
    from costs
    group by vertical, month
    union all
    {% endfor -%}
    select
        vertical,
        month,
        'marketing_cost_b2c' as measure,
        cast(sum(amount_base) as double) as value,
        sum(case when amount_base is null then 1 else 0 end) as unknown
    from costs
    where market = 'b2c' and cost_class = 'marketing'
    group by vertical, month

),

-- Costs of a month, moved to the month their customers close in. Months that lie before the
-- first moved cost are unknown, not free.
lags as (

    select
        measured.vertical,
        coalesce(max(cycles.lag_months), 0) as lag_months,
        min(measured.month) as first_month
    from measured
    left join {{ ref('int_sales_cycles') }} as cycles on measured.vertical = cycles.scope
    group by measured.vertical

),

measures as (

    select * from measured
    union all
    select
        measured.vertical,
        {{ add_months('measured.month', 'lags.lag_months') }} as month,
        'lagged_cost' as measure,
        measured.value,
        measured.unknown
    from measured
    inner join lags on measured.vertical = lags.vertical
    where measured.measure = 'acquisition_cost'
    union all
    select
        lags.vertical,
        months.month,
        'lagged_cost' as measure,
        0 as value,
        1 as unknown
    from lags
    inner join {{ ref('int_months') }} as months
        on
            {{ add_months('lags.first_month', 'lags.lag_months') }} > months.month
            and lags.first_month <= months.month

)

select
    vertical,
    month,
    measure,
    sum(value) as value,
    sum(unknown) as unknown
from measures
group by vertical, month, measure
