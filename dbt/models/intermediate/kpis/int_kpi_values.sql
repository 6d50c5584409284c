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
select
    vertical as scope,
    month,
    metric_window,
    '{{ metric }}' as metric,
    {{ metric }} as value,
    {{ numerator }} as numerator,
    {{ denominator }} as denominator,
    null as value_low,
    null as value_high
from economics
where {{ exists_with }} is not null
{% endfor -%}
{% for metric, kept in [('nrr', 'kept_mrr'), ('grr', 'kept_mrr_capped')] -%}
union all
select
    scope,
    month,
    metric_window,
    '{{ metric }}' as metric,
    {{ ratio(kept, 'start_mrr') }} as value,
    {{ kept }} as numerator,
    start_mrr as denominator,
    null as value_low,
    null as value_high
from {{ ref('int_retention') }}
{% endfor -%}
union all
select
    scope,
    month,
    metric_window,
    'advocacy_rate' as metric,
    {{ ratio('advocates', 'customers') }} as value,
    advocates as numerator,
    customers as denominator,
    null as value_low,
    null as value_high
from {{ ref('int_advocacy') }}
union all
select
    scope,
    month,
    metric_window,
    'engagement_rate' as metric,
    {{ ratio('engaged_contacts', 'reached_contacts') }} as value,
    engaged_contacts as numerator,
    reached_contacts as denominator,
    null as value_low,
    null as value_high
from {{ ref('int_engagement_rates') }}
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
    ('content_to_meeting', 'int_content_to_meeting', 'with_meeting', 'contacts'),
    ('sales_velocity', 'int_sales_velocity', 'expected_value', 'cycle_days'),
    ('stakeholder_coverage', 'int_stakeholder_coverage', 'role_coverage', 'accounts'),
] -%}
union all
select
    scope,
    month,
    metric_window,
    '{{ metric }}' as metric,
    {{ ratio(numerator, denominator) }} as value,
    {{ numerator }} as numerator,
    {{ denominator }} as denominator,
    null as value_low,
    null as value_high
from {{ ref(model) }}
{% endfor -%}
{% for metric, numerator, denominator in [
    ('attributed_revenue_share', 'marketing_credit', 'revenue'),
    ('influenced_revenue_share', 'influenced_revenue', 'revenue'),
    ('attribution_confidence', 'score', '1'),
] -%}
union all
select
    scope,
    month,
    metric_window,
    '{{ metric }}' as metric,
    case when unknown_revenue = 0 then {{ ratio(numerator, denominator) }} end as value,
    {{ numerator }} as numerator,
    {{ denominator }} as denominator,
    null as value_low,
    null as value_high
from {{ ref('int_attribution_confidence') }}
{% endfor -%}
{% for metric, model, value, within, total in [
    ('ingestion_latency_p99_ms', 'int_ingestion_latency', 'p99_ms', 'requests_within', 'requests'),
    ('data_freshness_minutes', 'int_data_freshness', 'p95_minutes', 'files_within', 'files'),
    ('crm_lag_minutes', 'int_crm_lag', 'p95_minutes', 'versions_within', 'versions'),
    (
        'invalid_critical_fields', 'int_invalid_critical_fields',
        ratio('invalid_values', 'checked_values'), 'invalid_values', 'checked_values',
    ),
    ('segment_accuracy', 'int_segment_accuracy', ratio('correct', 'used'), 'correct', 'used'),
] -%}
union all
select
    'company' as scope,
    month,
    metric_window,
    '{{ metric }}' as metric,
    {{ value }} as value,
    {{ within }} as numerator,
    {{ total }} as denominator,
    null as value_low,
    null as value_high
from {{ ref(model) }}
{% endfor -%}
