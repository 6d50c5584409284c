with contacts as (

    select * from {{ ref('dim_contacts') }}

),

engagement as (

    select * from {{ ref('engagement_scores') }}

),

leads as (

    select * from {{ ref('lead_scores') }}

),

stages as (

    select * from {{ ref('buyer_stages') }}

),

personas as (

    select * from {{ ref('contact_personas') }}

),

scores as (

    select * from {{ ref('int_contact_scores') }}

)

select
    contacts.contact_id,
    contacts.account_id,
    contacts.vertical,
    contacts.role,
    contacts.lifecycle_stage,
    contacts.country,
    contacts.language,
    contacts.lead_source,
    personas.persona,
    stages.stage as buyer_stage,
    leads.band as lead_band,
    contacts.email_key is not null as has_email,
    contacts.phone_key is not null as has_phone,
    contacts.created_at,
    engagement.last_touch_at,
    contacts.first_order_at,
    contacts.last_order_at,
    coalesce(contacts.orders, 0) as orders,
    contacts.order_revenue_base,
    engagement.engagement_score,
    leads.lead_score,
    scores.learned_lead_score,
    scores.p_engage_7d,
    scores.p_convert_90d,
    scores.churn_score
from contacts
left join engagement on contacts.contact_id = engagement.contact_id
left join leads on contacts.contact_id = leads.contact_id
left join stages on contacts.contact_id = stages.contact_id
left join personas on contacts.contact_id = personas.contact_id
left join scores on contacts.contact_id = scores.contact_id
