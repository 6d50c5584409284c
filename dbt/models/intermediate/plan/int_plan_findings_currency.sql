-- Amounts that could not be converted to the base currency: no rate on the day or in the 7 days
-- before. They stay without amount_base; nothing takes the rate as 1.
{% set facts = [
    ('orders', ref('fct_orders'), 'revenue', 'revenue_base', 'ordered_on'),
    ('deals', ref('fct_deals'), 'coalesce(amount, mrr)', 'coalesce(amount_base, recurring_base)', 'coalesce(closed_on, created_on)'),
    ('ad_spend', ref('fct_ad_spend_daily'), 'spend', 'spend_base', 'spend_on'),
    ('costs', ref('fct_costs_monthly'), 'amount', 'amount_base', 'cost_month'),
    ('kpi_targets', ref('kpi_targets'), 'target_value', 'target_value_base', 'plan_start_on'),
] -%}

with missing as (

    {% for source, relation, amount, amount_base, day in facts -%}
    select
        '{{ source }}' as source,
        coalesce(currency, 'no currency') as currency,
        count(*) as row_count,
        min({{ day }}) as first_on,
        max({{ day }}) as last_on
    from {{ relation }}
    where
        {{ amount }} is not null and {{ amount_base }} is null
        {%- if source == 'costs' %} and not is_from_ad_spend{% endif %}
    group by coalesce(currency, 'no currency')
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    'missing_currency_rate' as rule,
    'company' as scope,
    source || ' in ' || currency as metric,
    cast(null as integer) as plan_year,
    'rows without a rate to the base currency' as reading_a,
    row_count * 1e0 as value_a,
    'rows that may be without' as reading_b,
    0e0 as value_b,
    'Load fx_rates for ' || currency
    || coalesce(
        ' from ' || cast(first_on as varchar) || ' to ' || cast(last_on as varchar), ''
    ) as explanation,
    cast(null as varchar) as target_ids
from missing
