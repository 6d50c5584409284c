-- Whether a grant holds: its purpose is known, its legal basis carries it, it was confirmed where
-- that is asked for, and the person has not been silent for too long since.
with claims as (

    select * from {{ ref('int_consent_statements') }}

),

bases as (

    select * from {{ ref('stg_marketing__consent_bases') }}

),

sales as (

    select * from {{ ref('int_consent_sales') }}

),

silences as (

    select * from {{ ref('int_consent_silences') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

addresses as (

    select * from {{ ref('int_consent_addresses') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

-- The first silence after the grant that was long enough, or the one that goes on.
expiries as (

    select
        claims.evidence_id,
        claims.subject_id,
        claims.purpose,
        claims.channel,
        min({{ add_months_to_time('silences.silent_from_at', 'claims.expires_after_months') }})
            as expires_at
    from claims
    inner join silences
        on
            claims.subject_id = silences.subject_id
            and claims.decided_at <= silences.silent_from_at
    where
        claims.said_state = 'granted'
        and (
            silences.silent_until_at is null
            or {{ add_months_to_time('silences.silent_from_at', 'claims.expires_after_months') }}
            <= silences.silent_until_at
        )
    group by claims.evidence_id, claims.subject_id, claims.purpose, claims.channel

),

judged as (

    select
        claims.*,
        expiries.expires_at,
        case
            when claims.said_state <> 'granted' then null
            when not claims.is_listed then 'unknown_purpose'
            when claims.legal_basis is null then 'no_legal_basis'
            when bases.legal_basis is null then 'basis_not_allowed'
            when
                bases.needs_notice and coalesce(claims.text_version, claims.text_hash) is null
                then 'no_notice'
            when
                bases.needs_sale
                and coalesce(
                    sales.first_sale_on > cast(
                        {{ local_time('claims.decided_at', 'run_context.time_zone') }} as date
                    ),
                    true
                )
                then 'no_sale'
            when bases.needs_professional and not coalesce(addresses.is_professional, false)
                then 'not_professional'
            when
                claims.needs_double_opt_in and coalesce(claims.mechanism, '') <> 'double_opt_in'
                then 'not_confirmed'
            when expiries.expires_at <= run_context.as_of then 'silent_too_long'
        end as objection
    from claims
    cross join run_context
    left join bases on claims.purpose = bases.purpose and claims.legal_basis = bases.legal_basis
    left join sales on claims.contact_id = sales.contact_id
    left join contacts on claims.contact_id = contacts.contact_id
    left join addresses
        on coalesce(contacts.email_key, claims.identifier_key) = addresses.email_key
    left join expiries
        on
            claims.evidence_id = expiries.evidence_id
            and claims.subject_id = expiries.subject_id
            and claims.purpose = expiries.purpose
            and claims.channel = expiries.channel

)

select
    evidence_id,
    subject_id,
    contact_id,
    identifier_key,
    purpose,
    channel,
    brand,
    said_state,
    case
        when objection is null then said_state
        when objection = 'not_confirmed' then 'pending'
        when objection = 'silent_too_long' then 'expired'
        else 'unproven'
    end as state,
    coalesce(objection, said_reason) as reason,
    authority,
    authority_position,
    is_lasting,
    decided_at,
    case when objection = 'silent_too_long' then expires_at else decided_at end as effective_at,
    expires_at
from judged
