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
    ('crm_tickets', none, none, none),
    ('crm_tasks', none, none, none),
    ('crm_engagements', 'occurred_at', none, none),
    ('ad_spend_details', 'cast(spend_on as timestamp)', none, none),
    ('web_analytics', 'cast(report_on as timestamp)', none, none),
    ('meetings', 'created_at', none, none),
    ('form_submissions', 'occurred_at', none, none),
    ('support_tickets', 'created_at', none, none),
    ('product_usage', 'cast(used_on as timestamp)', none, none),
    ('social_posts', 'cast(report_on as timestamp)', none, none),
    ('tender_notices', 'cast(published_on as timestamp)', none, none),
    ('sales_activities', 'occurred_at', none, none),
    ('crm_owners', none, none, none),
    ('crm_stages', none, none, none),
    ('crm_lists', none, none, none),
    ('crm_list_members', none, none, none),
    ('crm_associations', none, none, none),
    ('crm_property_history', 'changed_at', none, none),
    ('rejected_rows', none, 'rejected_rows', none),
    ('parameters', none, none, none),
] -%}

with hops as (

    select
        kind as source,
        'landing' as hop,
        cast(null as timestamp) as last_occurred_at,
        max(landed_at) as last_known_at,
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
        count(*) as row_count
    from {{ ref(mart) }}
    {% endif -%}
    {% endfor %}
)

select
    hops.source,
    hops.hop,
    hops.last_occurred_at,
    hops.last_known_at,
    hops.row_count,
    case
        -- What landed after a past as_of has no lag.
        when hops.last_known_at > run_context.as_of then 0
        else {{ seconds_between('hops.last_known_at', 'run_context.as_of') }}
    end as lag_seconds
from hops
cross join {{ ref('stg_system__run_context') }} as run_context
where hops.row_count > 0
