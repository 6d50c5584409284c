with past as (

    select * from {{ ref('int_contact_feature_history') }}

),

moment as (

    select as_of as snapshot_at from {{ ref('stg_system__run_context') }}

),

present as (

    {{ contact_feature_rows(
        ref('int_feature_people'), 'moment', ref('int_contact_signal_sums'),
        ref('account_feature_snapshots')
    ) }}

),

snapshots as (

    select * from past
    union all
    select * from present

)

select
    contact_id,
    snapshot_at,
    account_id,
    vertical,
    role,
    lifecycle_stage,
    lead_source,
    language,
    account_type,
    employees,
    population,
    account_mrr_base,
    age_days,
    touches_7d,
    touches_30d,
    touches_90d,
    touches_180d,
    touch_kinds_90d,
    days_since_touch,
    pages_7d,
    pages_30d,
    pages_90d,
    mails_7d,
    mails_30d,
    mails_90d,
    mail_opens_90d,
    mail_clicks_7d,
    mail_clicks_30d,
    mail_clicks_90d,
    mail_clicks_180d,
    mail_click_rate_180d,
    days_since_mail,
    days_since_mail_click,
    mail_stops_180d,
    replies_90d,
    content_30d,
    content_90d,
    forms_90d,
    pricing_30d,
    pricing_90d,
    calculators_90d,
    demos_90d,
    trials_90d,
    programmes_90d,
    meetings_90d,
    uses_30d,
    uses_90d,
    engagement_recency,
    engagement_frequency,
    engagement_intent,
    orders,
    order_revenue_base,
    days_since_order
from snapshots
