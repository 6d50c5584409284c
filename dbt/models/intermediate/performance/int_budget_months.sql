{{ config(materialized='view') }}

-- One row per vertical, month, cost line and class: what was planned and what was booked. From its
-- first month in a plan year on a line has a row in each month that has costs at all, so that the
-- year's sum of all lines can be read at any month.
with costs as (

    select
        costs.*,
        {{ plan_year_of('costs.cost_month', 'reporting.plan_start_on') }} as plan_year
    from {{ ref('fct_costs_monthly') }} as costs
    cross join {{ ref('stg_system__reporting') }} as reporting

),

-- Grouping, unlike a join of budget and actual, loses no line that only one of them has.
booked as (

    select
        vertical,
        cost_month,
        line,
        cost_class,
        {% for scenario in ['budget', 'actual'] -%}
        sum(case when scenario = '{{ scenario }}' then amount_base end) as {{ scenario }}_known,
        sum(case when scenario = '{{ scenario }}' and amount_base is null then 1 else 0 end)
            as {{ scenario }}_unknown,
        {% endfor -%}
        max(case when scenario = 'actual' and channel = 'paid_media' then 1 else 0 end)
            as is_paid_media,
        max(case when is_from_ad_spend then 1 else 0 end) as is_from_ad_spend
    from costs
    group by vertical, cost_month, line, cost_class

),

lines as (

    select
        vertical,
        line,
        cost_class,
        plan_year,
        max_by(channel, cost_month) as channel,
        min(cost_month) as first_month
    from costs
    group by vertical, line, cost_class, plan_year

),

months as (

    select distinct
        plan_year,
        cost_month
    from costs

)

select
    lines.vertical,
    months.cost_month as month,
    months.plan_year,
    lines.line,
    lines.cost_class,
    lines.channel,
    {% for scenario in ['budget', 'actual'] -%}
    cast(booked.{{ scenario }}_known as decimal(18, 4)) as {{ scenario }}_known,
    coalesce(booked.{{ scenario }}_unknown, 0) as {{ scenario }}_unknown,
    {% endfor -%}
    coalesce(booked.is_paid_media, 0) = 1 as is_paid_media,
    coalesce(booked.is_from_ad_spend, 0) = 1 as is_from_ad_spend
from lines
inner join months
    on lines.plan_year = months.plan_year and lines.first_month <= months.cost_month
left join booked
    on
        lines.vertical = booked.vertical
        and lines.line = booked.line
        and lines.cost_class = booked.cost_class
        and months.cost_month = booked.cost_month
