-- One row per scope (vertical, or 'company' for all), month and additive measure, without gaps:
-- a measure exists for a scope as soon as its source has given one row there. `unknown` counts
-- amounts that could not be converted to the base currency; they make a sum undefined. Summed as
-- decimals: the sum of doubles depends on their order, which no engine promises.
with months as (

    select * from {{ ref('int_months') }}

),

verticals as (

    select * from {{ ref('stg_marketing__verticals') }}

),

funnel_facts as (

    select
        vertical,
        entered_month as month,
        metric as measure,
        count(*) * 1e0 as value,
        0 as unknown
    from {{ ref('int_funnel_entries') }}
    where metric is not null
    group by vertical, entered_month, metric

),

funnel_measures as (

    select distinct
        stages.vertical,
        stages.metric as measure
    from {{ ref('stg_marketing__funnel_stages') }} as stages
    inner join {{ ref('int_funnel_entries') }} as entries on stages.vertical = entries.vertical
    where stages.metric is not null

),

facts as (

    select * from funnel_facts
    union all
    select
        facts.vertical,
        facts.month,
        'new_customers_b2c' as measure,
        facts.value,
        0 as unknown
    from funnel_facts as facts
    inner join verticals on facts.vertical = verticals.vertical
    where facts.measure = 'new_customers' and verticals.market = 'b2c'
    union all
    select * from {{ ref('int_cost_measures') }}
    union all
    select * from {{ ref('int_mrr_measures') }}
    union all
    select * from {{ ref('int_order_measures') }}
    union all
    select * from {{ ref('int_content_measures') }}

),

vertical_measures as (

    select * from funnel_measures
    union
    select
        vertical,
        measure
    from facts

),

scoped_facts as (

    select
        vertical as scope,
        month,
        measure,
        value,
        unknown
    from facts
    union all
    select
        'company' as scope,
        month,
        measure,
        value,
        unknown
    from facts

),

scoped_measures as (

    select
        vertical as scope,
        measure
    from vertical_measures
    union
    select
        'company' as scope,
        measure
    from vertical_measures

)

select
    scoped_measures.scope,
    months.month,
    scoped_measures.measure,
    coalesce(sum(cast(scoped_facts.value as decimal(24, 6))), 0) as value,
    coalesce(sum(scoped_facts.unknown), 0) as unknown
from scoped_measures
cross join months
left join scoped_facts
    on
        scoped_measures.scope = scoped_facts.scope
        and scoped_measures.measure = scoped_facts.measure
        and months.month = scoped_facts.month
group by scoped_measures.scope, months.month, scoped_measures.measure
