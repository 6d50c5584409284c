{{ config(materialized='view') }}

{# figure: the marts that show it, each with its relation's rows and the value's expression. The
   first is what the others are compared with. #}
{% set unknown_spend = "case when count(spend) = count(spend_base) then sum(spend_base) end" -%}
{% set unknown_cost = "case when count(*) = count(amount_base) then sum(amount_base) end" -%}
{% set unknown_won = "case when count(amount) = count(amount_base) then sum(amount_base) end" -%}
{% set won_month = month_of(
    'coalesce(closed_on, contract_start_on, created_on, cast(known_at as date))'
) -%}
{% set primary = 'model in (select models.model from ' ~ ref('attribution_models')
    ~ ' as models where models.is_primary)' -%}
{% set human = "actor_class <> 'machine'" -%}
{% set figures = [
    ('ad_spend', 'fct_ad_spend_daily', unknown_spend, month_of('spend_on'), 'true'),
    ('ad_spend', 'channel_performance', 'sum(ad_spend_base)', 'month', 'true'),
    ('ad_spend', 'campaign_performance', 'sum(spend_base)', 'month', 'true'),
    ('actual_cost', 'fct_costs_monthly', unknown_cost, 'cost_month', "scenario = 'actual'"),
    ('actual_cost', 'budget_vs_actual', 'sum(actual_base)', 'month', 'true'),
    ('actual_cost', 'channel_performance', 'sum(cost_base)', 'month', 'true'),
    ('budget', 'fct_costs_monthly', unknown_cost, 'cost_month', "scenario = 'budget'"),
    ('budget', 'budget_vs_actual', 'sum(budget_base)', 'month', 'true'),
    ('deals_won', 'fct_deals', 'count(*)', won_month, 'is_won'),
    ('deals_won', 'channel_performance', 'sum(sourced_deals_won)', 'month', 'true'),
    ('deals_won', 'campaign_performance', 'sum(sourced_deals_won)', 'month', 'true'),
    ('won_amount', 'fct_deals', unknown_won, won_month, 'is_won'),
    ('won_amount', 'channel_performance', 'sum(sourced_won_base)', 'month', 'true'),
    ('won_amount', 'campaign_performance', 'sum(sourced_won_base)', 'month', 'true'),
    ('won_amount', 'attribution_credits',
        'case when count(*) = count(credit_base) then sum(credit_base) end',
        month_of('converted_on'), "goal = 'deal_won' and " ~ primary),
    ('sessions', 'fct_sessions', 'count(*)', month_of('started_on'), human),
    ('sessions', 'channel_performance', 'sum(sessions)', 'month', 'true'),
    ('sessions', 'campaign_performance', 'sum(sessions)', 'month', 'true'),
    ('engaged_sessions', 'fct_sessions', 'count(*)', month_of('started_on'),
        human ~ ' and is_engaged'),
    ('engaged_sessions', 'channel_performance', 'sum(engaged_sessions)', 'month', 'true'),
    ('engaged_sessions', 'campaign_performance', 'sum(engaged_sessions)', 'month', 'true'),
    ('new_visitors', 'fct_sessions', 'count(*)', month_of('started_on'),
        human ~ ' and session_id in (select min_by(firsts.session_id, firsts.started_at) from '
        ~ ref('fct_sessions') ~ ' as firsts where firsts.' ~ human
        ~ ' group by firsts.visitor_key)'),
    ('new_visitors', 'channel_performance', 'sum(new_visitors)', 'month', 'true'),
    ('new_visitors', 'campaign_performance', 'sum(new_visitors)', 'month', 'true'),
    ('mrr', 'mrr_movements',
        'case when sum(unconverted_contracts) = 0 then sum(end_mrr) end', 'month', 'true'),
    ('mrr', 'cohort_retention',
        'case when count(*) = count(retained_mrr) then sum(retained_mrr) end', 'month', 'true'),
    ('customers', 'mrr_movements',
        'sum(case when end_mrr > 0 then 1 else 0 end)', 'month', 'true'),
    ('customers', 'cohort_retention', 'sum(retained_customers)', 'month', 'true'),
] -%}
{% for metric in sourced_entries() -%}
{% do figures.extend([
    (metric, 'channel_performance', 'sum(sourced_' ~ metric ~ ')', 'month', 'true'),
    (metric, 'campaign_performance', 'sum(sourced_' ~ metric ~ ')', 'month', 'true'),
]) -%}
{% endfor -%}
{% for cost, reading in {
    'marketing_cost': 'marketing', 'acquisition_cost': 'full', 'deduplicated_cost': 'deduplicated'
}.items() -%}
{% do figures.extend([
    (cost, 'unit_economics', 'sum(' ~ cost ~ ')', 'month',
        "metric_window = 'month' and vertical <> 'company'"),
    (cost, 'budget_vs_actual', 'sum(actual_base)', 'month', 'is_in_cac_' ~ reading),
]) -%}
{% endfor -%}
{% do figures.append((
    'marketing_cost', 'attribution_roi',
    'case when count(*) = count(spend_base) then sum(spend_base) end', 'month', primary
)) -%}
-- One row per figure, mart that shows it, vertical and month. Amounts that a mart leaves undefined
-- are empty.
{% for figure, mart, value, month, condition in figures -%}
select
    '{{ figure }}' as figure,
    '{{ mart }}' as mart,
    coalesce(vertical, 'unassigned') as vertical,
    {{ month }} as month,
    cast({{ value }} as double) as value
from {{ ref(mart) }}
where {{ condition }}
group by coalesce(vertical, 'unassigned'), {{ month }}
union all
{% endfor -%}
select
    metric as figure,
    'kpi_monthly' as mart,
    vertical,
    month,
    value
from {{ ref('kpi_monthly') }}
where
    metric_window = 'month'
    and vertical <> 'company'
    and status <> 'not_yet_measured'
    and (
        metric in (
            'leads', 'mqls', 'sqls', 'demos', 'trials', 'new_customers', 'marketing_cost'
        )
        -- Contact verticals without contracts count customers by orders.
        or (
            metric in ('mrr', 'customers')
            and vertical in (select movements.vertical from {{ ref('mrr_movements') }} as movements)
        )
    )
union all
select
    stages.metric as figure,
    'funnel_stages' as mart,
    funnel.vertical,
    funnel.month,
    cast(sum(funnel.entries) as double) as value
from {{ ref('funnel_stages') }} as funnel
inner join {{ ref('stg_marketing__funnel_stages') }} as stages
    on funnel.vertical = stages.vertical and funnel.stage = stages.stage
where stages.metric is not null
group by stages.metric, funnel.vertical, funnel.month
