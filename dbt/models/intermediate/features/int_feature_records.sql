-- Of each record of a tool every version, in force from when it was known until the next one was:
-- what is told anew later does not change what was known before.
{% set keys = {
    'meetings': ['source', 'meeting_id'],
    'form_submissions': ['source', 'submission_id'],
    'support_tickets': ['source', 'ticket_id'],
    'surveys': ['response_id'],
    'product_usage': ['source', 'account_id', 'user_id', 'feature', 'used_on'],
    'sales_activities': ['source', 'owner_email', 'activity_type', 'profile_url', 'occurred_at'],
    'attendees': ['event_key', 'email_key'],
    'crm_tickets': ['crm_id'],
    'crm_engagements': ['crm_id']
} -%}
with {% for stream, key in keys.items() %}{{ stream }} as (

    select
        *,
        {{ superseded_at(key) }}
    from {{ source('lake', stream) }}

),

{% endfor -%}
{#- kind, address, user, CRM id, time, amount, stream, condition -#}
{% set told = [
    ("'meeting'", 'email_key', 'null', 'null', 'starts_at', '1', 'meetings',
     "status in ('scheduled', 'held')"),
    ("'form_submit'", 'email_key', 'null', 'null', 'occurred_at', '1', 'form_submissions', 'true'),
    ("'tickets'", 'email_key', 'user_key', 'null', 'created_at', '1', 'support_tickets', 'true'),
    ('question_type', 'email_key', 'user_key', 'null', 'occurred_at', 'score', 'surveys',
     "question_type in ('nps', 'csat')"),
    ("'uses'", 'null', 'user_key', 'null', 'cast(used_on as timestamp)', 'uses', 'product_usage',
     'true'),
    ("'sales_reply'", 'email_key', 'null', 'null', 'occurred_at', '1', 'sales_activities',
     "activity_type in ('connected', 'inmail_replied')"),
    ("case event_type when 'webinar' then 'webinar_attend' else 'event_attend' end", 'email_key',
     'null', 'null', 'cast(starts_on as timestamp)', '1', 'attendees', "status = 'attended'"),
    ("'tickets'", 'null', 'null', 'contact_crm_id', 'created_at', '1', 'crm_tickets',
     'not coalesce(archived, false)'),
    ("'meeting'", 'null', 'null', 'contact_crm_id', 'coalesce(occurred_at, created_at)', '1',
     'crm_engagements', "engagement_type = 'meeting' and coalesce(outcome, 'completed') = "
     ~ "'completed' and not coalesce(archived, false)")
] -%}
told as (

    {% for kind, address, user, crm, at, amount, stream, condition in told -%}
    select
        {{ kind }} as kind,
        cast({{ address }} as varchar) as email_key,
        cast({{ user }} as varchar) as user_key,
        cast({{ crm }} as varchar) as crm_id,
        {{ at }} as occurred_at,
        cast({{ amount }} as bigint) as amount,
        known_at,
        superseded_at
    from {{ stream }}
    where {{ condition }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}

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
    told.amount
from told
left join objects on told.crm_id = objects.crm_id
left join members as users on told.user_key = users.identifier_key
left join members as addresses on told.email_key = addresses.identifier_key
where
    coalesce(objects.contact_id, users.contact_id, addresses.contact_id) is not null
    and told.occurred_at is not null
