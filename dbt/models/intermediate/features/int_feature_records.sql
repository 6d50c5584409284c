-- Of each record of a tool every version, in force from when it was known until the next one was:
-- what is told anew later does not change what was known before.
with meetings as (

    select
        *,
        {{ superseded_at(['source', 'meeting_id']) }}
    from {{ source('lake', 'meetings') }}

),

forms as (

    select
        *,
        {{ superseded_at(['source', 'submission_id']) }}
    from {{ source('lake', 'form_submissions') }}

),

tickets as (

    select
        *,
        {{ superseded_at(['source', 'ticket_id']) }}
    from {{ source('lake', 'support_tickets') }}

),

surveys as (

    select
        *,
        {{ superseded_at(['response_id']) }}
    from {{ source('lake', 'surveys') }}

),

product_usage as (

    select
        *,
        {{ superseded_at(['source', 'account_id', 'user_id', 'feature', 'used_on']) }}
    from {{ source('lake', 'product_usage') }}

),

sales_activities as (

    select
        *,
        {{ superseded_at(['source', 'owner_email', 'activity_type', 'profile_url', 'occurred_at']) }}
    from {{ source('lake', 'sales_activities') }}

),

attendees as (

    select
        *,
        {{ superseded_at(['event_key', 'email_key']) }}
    from {{ source('lake', 'attendees') }}

),

crm_tickets as (

    select
        *,
        {{ superseded_at(['crm_id']) }}
    from {{ source('lake', 'crm_tickets') }}

),

crm_engagements as (

    select
        *,
        {{ superseded_at(['crm_id']) }}
    from {{ source('lake', 'crm_engagements') }}

),

{% set kept = 'known_at, superseded_at' -%}
told as (

    select 'meeting' as kind, email_key, null as user_key, null as crm_id, starts_at as occurred_at,
        1 as amount, {{ kept }}
    from meetings
    where status in ('scheduled', 'held')
    union all
    select 'form_submit', email_key, null, null, occurred_at, 1, {{ kept }}
    from forms
    union all
    select 'tickets', email_key, user_key, null, created_at, 1, {{ kept }}
    from tickets
    union all
    select question_type, email_key, user_key, null, occurred_at, score, {{ kept }}
    from surveys
    where question_type in ('nps', 'csat')
    union all
    select 'uses', null, user_key, null, cast(used_on as timestamp), uses, {{ kept }}
    from product_usage
    union all
    select 'sales_reply', email_key, null, null, occurred_at, 1, {{ kept }}
    from sales_activities
    where activity_type in ('connected', 'inmail_replied')
    union all
    select
        case event_type when 'webinar' then 'webinar_attend' else 'event_attend' end,
        email_key, null, null, cast(starts_on as timestamp), 1, {{ kept }}
    from attendees
    where status = 'attended'
    union all
    select 'tickets', null, null, contact_crm_id, created_at, 1, {{ kept }}
    from crm_tickets
    where not coalesce(archived, false)
    union all
    select 'meeting', null, null, contact_crm_id, coalesce(occurred_at, created_at), 1, {{ kept }}
    from crm_engagements
    where
        engagement_type = 'meeting'
        and coalesce(outcome, 'completed') = 'completed'
        and not coalesce(archived, false)

),

members as (

    select
        identifier_key,
        contact_id
    from {{ ref('int_identity_members') }}
    where contact_id is not null

),

objects as (

    select
        crm_id,
        object_id as contact_id
    from {{ ref('int_crm_objects') }}
    where object_type = 'contacts'

)

select
    coalesce(objects.contact_id, users.contact_id, addresses.contact_id) as contact_id,
    told.kind,
    told.occurred_at,
    told.known_at,
    told.superseded_at,
    cast(told.amount as bigint) as amount
from told
left join objects on told.crm_id = objects.crm_id
left join members as users on told.user_key = users.identifier_key
left join members as addresses on told.email_key = addresses.identifier_key
where
    coalesce(objects.contact_id, users.contact_id, addresses.contact_id) is not null
    and told.occurred_at is not null
