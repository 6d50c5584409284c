-- One row per identifier of a person that any source names, and when.
with crm_contacts as (

    select * from {{ ref('int_identity_crm_contacts') }}

),

messages as (

    select * from {{ ref('int_identity_messages') }}

),

seen as (

    select
        identifier_type,
        identifier_key,
        first_seen_at,
        last_seen_at
    from crm_contacts
    {% for identifier_type, column in [
        ('user_id', 'user_key'), ('anonymous_id', 'anonymous_key'),
        ('email', 'email_key'), ('phone', 'phone_key')
    ] -%}
    union all
    select
        '{{ identifier_type }}' as identifier_type,
        {{ column }} as identifier_key,
        first_seen_at,
        last_seen_at
    from messages
    {% endfor -%}
    {% for relation, identifier_type, column, seen_at in [
        ('stg_privacy__imported_contacts', 'external_id', 'external_key', 'known_at'),
        ('stg_privacy__imported_contacts', 'email', 'email_key', 'known_at'),
        ('stg_privacy__imported_contacts', 'phone', 'phone_key', 'known_at'),
        ('stg_forms__submissions', 'email', 'email_key', 'occurred_at'),
        ('stg_forms__submissions', 'phone', 'phone_key', 'occurred_at'),
        ('stg_support__tickets', 'user_id', 'user_key', 'created_at'),
        ('stg_support__tickets', 'email', 'email_key', 'created_at'),
        ('stg_feedback__surveys', 'user_id', 'user_key', 'occurred_at'),
        ('stg_feedback__surveys', 'email', 'email_key', 'occurred_at'),
        ('stg_sales__meetings', 'email', 'email_key', 'created_at'),
        ('stg_programmes__attendees', 'email', 'email_key', 'known_at'),
        ('stg_product__usage', 'user_id', 'user_key', 'known_at'),
        ('stg_delivery__events', 'email', 'email_key', 'occurred_at'),
        ('stg_delivery__events', 'phone', 'phone_key', 'occurred_at')
    ] -%}
    union all
    select
        '{{ identifier_type }}' as identifier_type,
        {{ column }} as identifier_key,
        {{ seen_at }} as first_seen_at,
        {{ seen_at }} as last_seen_at
    from {{ ref(relation) }}
    {% endfor -%}
    {% for relation, seen_at in [
        ('stg_privacy__suppressions', 'suppressed_at'), ('stg_privacy__consents', 'decided_at')
    ] -%}
    union all
    select
        identifier_type,
        identifier_key,
        {{ seen_at }} as first_seen_at,
        {{ seen_at }} as last_seen_at
    from {{ ref(relation) }}
    {% endfor -%}
    union all
    select
        weaker_type as identifier_type,
        weaker_key as identifier_key,
        first_seen_at,
        last_seen_at
    from {{ ref('int_identity_links') }}
    where evidence = 'alias'

)

select
    identifier_type,
    identifier_key,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at
from seen
where identifier_key is not null
group by identifier_type, identifier_key
