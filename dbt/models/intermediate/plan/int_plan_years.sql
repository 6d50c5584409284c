-- One row per scope and plan year: the targets that belong together, side by side.
with targets as (

    select * from {{ ref('int_plan_targets') }}

),

wide as (

    select
        scope,
        plan_year,
        {% for metric in [
            'new_customers', 'customers', 'arr', 'mrr', 'new_mrr', 'cac_full', 'ltv', 'ltv_to_cac',
            'logo_churn', 'logo_churn_annual', 'marketing_cost', 'sales_cost',
        ] -%}
        max(case when metric = '{{ metric }}' then target_value end) as {{ metric }}
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from targets
    group by scope, plan_year

)

select
    wide.*,
    wide.arr / 12 / nullif(wide.customers, 0) as arpa,
    wide.ltv_to_cac * wide.cac_full as ltv_implied,
    coalesce(verticals.gross_margin, 1) as gross_margin,
    lag(wide.customers) over (partition by wide.scope order by wide.plan_year)
        as customers_before,
    lag(wide.arr) over (partition by wide.scope order by wide.plan_year) as arr_before
from wide
left join {{ ref('stg_marketing__verticals') }} as verticals on wide.scope = verticals.vertical
