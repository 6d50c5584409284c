{% set streams = [
    ('events', 'occurred_at', 'fct_events', 'known_at'),
    ('crm_contacts', none, none, none),
    ('crm_companies', none, 'dim_accounts', none),
    ('crm_deals', none, 'fct_deals', 'known_at'),
    ('ad_spend', 'cast(spend_on as timestamp)', 'fct_ad_spend_daily', none),
    ('costs', 'cast(cost_month as timestamp)', 'fct_costs_monthly', none),
    ('fx_rates', 'cast(rate_on as timestamp)', none, none),
    ('surveys', 'occurred_at', none, none),
    ('content_items', 'published_at', 'dim_content', none),
    ('attendees', 'cast(starts_on as timestamp)', none, none),
    ('delivery_events', 'occurred_at', 'delivery_logs', 'known_at'),
    ('imported_contacts', 'created_at', none, none),
    ('suppressions', 'suppressed_at', none, none),
    ('consents', 'decided_at', none, none),
    ('organisations', none, none, none),
    ('crm_tickets', none, 'fct_support_tickets', 'known_at'),
    ('crm_tasks', none, 'fct_crm_activities', 'known_at'),
    ('crm_engagements', 'occurred_at', 'fct_crm_activities', 'known_at'),
    ('ad_spend_details', 'cast(spend_on as timestamp)', 'fct_ad_spend_detail_daily', none),
    ('web_analytics', 'cast(report_on as timestamp)', 'fct_web_analytics_daily', 'known_at'),
    ('meetings', 'created_at', 'fct_meetings', 'known_at'),
    ('form_submissions', 'occurred_at', 'fct_form_submissions', 'known_at'),
    ('support_tickets', 'created_at', 'fct_support_tickets', 'known_at'),
    ('product_usage', 'cast(used_on as timestamp)', 'fct_product_usage_daily', 'known_at'),
    ('social_posts', 'cast(report_on as timestamp)', 'fct_social_daily', 'known_at'),
    ('tender_notices', 'cast(published_on as timestamp)', 'fct_tender_notices', 'known_at'),
    ('sales_activities', 'occurred_at', 'fct_sales_activities', 'known_at'),
    ('crm_owners', none, none, none),
    ('crm_stages', none, 'crm_stages', 'known_at'),
    ('crm_lists', none, 'crm_lists', 'known_at'),
    ('crm_list_members', none, none, none),
    ('crm_associations', none, 'crm_associations', 'known_at'),
    ('crm_property_history', 'changed_at', 'crm_property_changes', 'known_at'),
    ('collector_requests', 'occurred_at', none, none),
    ('http_latencies', 'occurred_at', none, none),
    ('rejected_rows', none, 'rejected_rows', none),
    ('parameters', none, none, none),
] -%}
{# Where a mart holds the rows of several streams, or rows of its own: which are a stream's. #}
{% set parts = {
    'delivery_events': "entry_kind = 'event'",
    'support_tickets': "source <> 'crm'",
    'crm_tickets': "source = 'crm'",
    'crm_tasks': "activity_type = 'task'",
    'crm_engagements': "activity_type <> 'task'",
    'ad_spend_details': "level = 'ad'",
} -%}

with hops as (

    select
        kind as source,
        'landing' as hop,
        cast(null as timestamp) as last_occurred_at,
        max(landed_at) as last_known_at,
        max(landed_at) as last_received_at,
        cast(sum(received) as bigint) as row_count
    from {{ ref('stg_system__load_receipts') }}
    group by kind
    {% for stream, occurred, mart, mart_known in streams -%}
    union all
    select
        '{{ stream }}' as source,
        'lake' as hop,
        {{ 'max(' ~ occurred ~ ')' if occurred else 'cast(null as timestamp)' }}
            as last_occurred_at,
        max(known_at) as last_known_at,
        {{ 'cast(null as timestamp)' if stream == 'parameters' else 'max(landed_at)' }}
            as last_received_at,
        count(*) as row_count
    from {{ source('lake', stream) }}
    {% if mart -%}
    union all
    select
        '{{ stream }}' as source,
        'warehouse' as hop,
        cast(null as timestamp) as last_occurred_at,
        {{ 'max(' ~ mart_known ~ ')' if mart_known else 'cast(null as timestamp)' }}
            as last_known_at,
        cast(null as timestamp) as last_received_at,
        count(*) as row_count
    from {{ ref(mart) }}
    {% if stream in parts %}where {{ parts[stream] }}{% endif %}
    {% endif -%}
    {% endfor %}
)

select
    hops.source,
    hops.hop,
    hops.last_occurred_at,
    hops.last_known_at,
    hops.last_received_at,
    hops.row_count,
    case
        -- What landed after a past as_of has no lag.
        when hops.last_known_at > run_context.as_of then 0
        else {{ seconds_between('hops.last_known_at', 'run_context.as_of') }}
    end as lag_seconds
from hops
cross join {{ ref('stg_system__run_context') }} as run_context
where hops.row_count > 0
