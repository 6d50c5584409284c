-- One row per identifier of a person that a source other than the event stream names, and when.
with seen as (

    select
        identifier_type,
        identifier_key,
        first_seen_at,
        last_seen_at
    from {{ ref('int_identity_crm_contacts') }}
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
)

select
    identifier_type,
    identifier_key,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at
from seen
where identifier_key is not null
group by identifier_type, identifier_key
