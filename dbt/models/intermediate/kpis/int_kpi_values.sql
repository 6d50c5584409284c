-- One row per scope, month, window and metric that has a source there: the value with the two
-- numbers it is made of, from the seed's formulas and from the models that compute the others.
with economics as (

    select * from {{ ref('unit_economics') }}

)

select
    scope,
    month,
    metric_window,
    metric,
    value,
    numerator,
    denominator,
    cast(null as double) as value_low,
    cast(null as double) as value_high
from {{ ref('int_kpi_simple') }}
{% for metric, numerator, denominator, exists_with in [
    ('cac_lagged', 'lagged_cost', 'new_customers', 'acquisition_cost'),
    ('logo_churn_annual', 'churned_customers', 'customer_months', 'customer_months'),
    ('ltv', 'arpa * gross_margin', 'logo_churn_for_ltv', 'customer_months'),
    ('ltv_to_cac', 'ltv', 'cac_full', 'acquisition_cost + customer_months'),
    ('payback_months', 'cac_full', 'arpa * gross_margin', 'acquisition_cost + customer_months'),
] -%}
union all
{{ metric_rows(metric, 'economics', metric, numerator, denominator, scope='vertical') }}
where {{ exists_with }} is not null
{% endfor -%}
union all
select
    scope,
    month,
    metric_window,
    'nps' as metric,
    nps as value,
    promoters - detractors as numerator,
    answers as denominator,
    nps - margin_95 as value_low,
    nps + margin_95 as value_high
from {{ ref('int_nps') }}
{% for metric, model, numerator, denominator in [
    ('nrr', 'int_retention', 'kept_mrr', 'start_mrr'),
    ('grr', 'int_retention', 'kept_mrr_capped', 'start_mrr'),
    ('advocacy_rate', 'int_advocacy', 'advocates', 'customers'),
    ('engagement_rate', 'int_engagement_rates', 'engaged_contacts', 'reached_contacts'),
    ('content_to_meeting', 'int_content_to_meeting', 'with_meeting', 'contacts'),
    ('sales_velocity', 'int_sales_velocity', 'expected_value', 'cycle_days'),
    ('stakeholder_coverage', 'int_stakeholder_coverage', 'role_coverage', 'accounts'),
] -%}
union all
{{ metric_rows(metric, ref(model), ratio(numerator, denominator), numerator, denominator) }}
{% endfor -%}
{% for metric, numerator, denominator in [
    ('attributed_revenue_share', 'marketing_credit', 'revenue'),
    ('influenced_revenue_share', 'influenced_revenue', 'revenue'),
    ('attribution_confidence', 'score', '1'),
] -%}
{% set known = 'case when unknown_revenue = 0 then ' ~ ratio(numerator, denominator) ~ ' end' -%}
union all
{{ metric_rows(metric, ref('int_attribution_confidence'), known, numerator, denominator) }}
{% endfor -%}
{% for metric, model, value, within, total in [
    ('ingestion_latency_p99_ms', 'int_ingestion_latency', 'p99_ms', 'requests_within', 'requests'),
    (
        'campaign_api_p95_ms', 'int_read_api_latency',
        'p95_ms', 'requests_within', 'requests',
    ),
    (
        'uptime', 'int_schedule_success',
        ratio('succeeded', 'scheduled'), 'succeeded', 'scheduled',
    ),
    ('data_freshness_minutes', 'int_data_freshness', 'p95_minutes', 'files_within', 'files'),
    ('crm_lag_minutes', 'int_crm_lag', 'p95_minutes', 'versions_within', 'versions'),
    (
        'invalid_critical_fields', 'int_invalid_critical_fields',
        ratio('invalid_values', 'checked_values'), 'invalid_values', 'checked_values',
    ),
    ('segment_accuracy', 'int_segment_accuracy', ratio('correct', 'used'), 'correct', 'used'),
    (
        'journey_completion', 'int_journey_completion',
        ratio('completed', 'ended'), 'completed', 'ended',
    ),
    (
        'automation_coverage', 'int_automation_coverage',
        ratio('automated', 'campaigns'), 'automated', 'campaigns',
    ),
    ('launch_minutes', 'int_launch_times', 'median_minutes', 'minutes', 'campaigns'),
    (
        'delivery_error_rate', 'int_delivery_failures',
        ratio('failed', 'ended'), 'failed', 'ended',
    ),
    ('api_success_rate', 'int_api_calls', ratio('succeeded', 'calls'), 'succeeded', 'calls'),
] -%}
union all
{{ metric_rows(metric, ref(model), value, within, total, scope="'company'") }}
{% endfor -%}
