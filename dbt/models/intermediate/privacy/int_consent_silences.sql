-- Two signs of life in one calendar month are never a month apart, so only a month's first and
-- last one matter. Signs of life: what a person did on a site or in the product, a click, a form,
-- a decision about consent. Not: a delivery, an open, a bounce.
with messages as (

    select * from {{ ref('int_message_months') }}

),

subjects as (

    select * from {{ ref('int_consent_subjects') }}

),

policy as (

    select min(expires_after_months) as shortest_months
    from {{ ref('stg_marketing__consent_purposes') }}

),

signs as (

    select
        'user_id' as identifier_type,
        user_key as identifier_key,
        first_at,
        last_at
    from messages
    where user_key is not null
    union all
    select
        'anonymous_id' as identifier_type,
        anonymous_key as identifier_key,
        first_at,
        last_at
    from messages
    where anonymous_key is not null
    union all
    select
        case when email_key is not null then 'email' else 'phone' end as identifier_type,
        coalesce(email_key, phone_key) as identifier_key,
        occurred_at as first_at,
        occurred_at as last_at
    from {{ ref('stg_delivery__events') }}
    where event_type = 'clicked' and not is_machine and coalesce(email_key, phone_key) is not null
    union all
    select
        case when email_key is not null then 'email' else 'phone' end as identifier_type,
        coalesce(email_key, phone_key) as identifier_key,
        occurred_at as first_at,
        occurred_at as last_at
    from {{ ref('stg_forms__submissions') }}
    where occurred_at is not null and coalesce(email_key, phone_key) is not null

),

active as (

    select
        coalesce(subjects.contact_id, signs.identifier_key) as subject_id,
        signs.first_at,
        signs.last_at
    from signs
    left join subjects
        on
            signs.identifier_type = subjects.identifier_type
            and signs.identifier_key = subjects.identifier_key
    union all
    select
        evidence_subjects.subject_id,
        evidence.decided_at as first_at,
        evidence.decided_at as last_at
    from {{ ref('int_consent_evidence') }} as evidence
    inner join {{ ref('int_consent_evidence_subjects') }} as evidence_subjects
        on evidence.evidence_id = evidence_subjects.evidence_id
    where
        evidence.evidence_type = 'decision'
        and evidence.identifier_type not in ('crm_company', 'domain')

),

months as (

    select
        subject_id,
        min(first_at) as first_at,
        max(last_at) as last_at
    from active
    group by subject_id, date_trunc('month', first_at)

),

spans as (

    select
        subject_id,
        last_at as silent_from_at,
        lead(first_at) over (partition by subject_id order by first_at) as silent_until_at
    from months

)

select
    spans.subject_id,
    spans.silent_from_at,
    spans.silent_until_at
from spans
cross join policy
where
    spans.silent_until_at is null
    or {{ add_months_to_time('spans.silent_from_at', 'policy.shortest_months') }}
    <= spans.silent_until_at
