-- One row per two identifiers of different types and kind of evidence that they belong to one
-- person; `stronger` is of the type that comes first in identity.yml.
with messages as (

    select * from {{ ref('int_identity_messages') }}

),

users_seen as (

    select user_key from {{ ref('int_identity_user_keys') }}

),

imported as (

    select * from {{ ref('stg_privacy__imported_contacts') }}

),

observed as (

    {% set types = [
        ('user_id', 'user_key'), ('email', 'email_key'), ('phone', 'phone_key'),
        ('anonymous_id', 'anonymous_key')
    ] -%}
    {% for stronger_type, stronger in types -%}
    {% for weaker_type, weaker in types[loop.index:] -%}
    select
        '{{ stronger_type }}' as stronger_type,
        {{ stronger }} as stronger_key,
        '{{ weaker_type }}' as weaker_type,
        {{ weaker }} as weaker_key,
        'message' as evidence,
        observations,
        first_seen_at,
        last_seen_at,
        evidence_id
    from messages
    where {{ stronger }} is not null and {{ weaker }} is not null
    union all
    {% endfor -%}
    {% endfor -%}
    select
        'user_id' as stronger_type,
        messages.user_key as stronger_key,
        'anonymous_id' as weaker_type,
        messages.previous_anonymous_key as weaker_key,
        'alias' as evidence,
        messages.observations,
        messages.first_seen_at,
        messages.last_seen_at,
        messages.evidence_id
    from messages
    left join users_seen on messages.previous_user_key = users_seen.user_key
    where
        messages.user_key is not null
        and messages.previous_anonymous_key is not null
        and users_seen.user_key is null
    union all
    select
        'crm_contact' as stronger_type,
        contact_key as stronger_key,
        identifier_type as weaker_type,
        identifier_key as weaker_key,
        case when is_current then 'crm_property' else 'crm_past_property' end as evidence,
        1 as observations,
        first_seen_at,
        last_seen_at,
        contact_key as evidence_id
    from {{ ref('int_identity_crm_contacts') }}
    where identifier_type <> 'crm_contact'
    {% for weaker_type, weaker in [('email', 'email_key'), ('phone', 'phone_key')] -%}
    union all
    select
        'external_id' as stronger_type,
        external_key as stronger_key,
        '{{ weaker_type }}' as weaker_type,
        {{ weaker }} as weaker_key,
        'import' as evidence,
        1 as observations,
        known_at as first_seen_at,
        known_at as last_seen_at,
        external_key as evidence_id
    from imported
    where external_key is not null and {{ weaker }} is not null
    {% endfor -%}
    union all
    select
        'email' as stronger_type,
        email_key as stronger_key,
        'phone' as weaker_type,
        phone_key as weaker_key,
        'form' as evidence,
        1 as observations,
        occurred_at as first_seen_at,
        occurred_at as last_seen_at,
        submission_id as evidence_id
    from {{ ref('stg_forms__submissions') }}
    where email_key is not null and phone_key is not null
    {% for relation, evidence, evidence_id, seen_at in [
        ('stg_support__tickets', 'ticket', 'ticket_id', 'created_at'),
        ('stg_feedback__surveys', 'survey', 'response_id', 'occurred_at')
    ] -%}
    union all
    select
        'user_id' as stronger_type,
        user_key as stronger_key,
        'email' as weaker_type,
        email_key as weaker_key,
        '{{ evidence }}' as evidence,
        1 as observations,
        {{ seen_at }} as first_seen_at,
        {{ seen_at }} as last_seen_at,
        {{ evidence_id }} as evidence_id
    from {{ ref(relation) }}
    where user_key is not null and email_key is not null
    {% endfor -%}
)

select
    stronger_type,
    stronger_key,
    weaker_type,
    weaker_key,
    evidence,
    cast(sum(observations) as bigint) as observations,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at,
    min(evidence_id) as evidence_id
from observed
group by stronger_type, stronger_key, weaker_type, weaker_key, evidence
