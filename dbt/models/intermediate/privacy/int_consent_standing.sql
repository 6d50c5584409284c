-- The latest statement of one authority about one identifier stands; of several at one moment the
-- most restrictive. A lasting stop stands beside it. What is refused without naming a brand is
-- refused for each; what is granted without naming one is granted for none.
with claims as (

    select * from {{ ref('int_consent_claims') }}

),

brands as (

    select distinct
        subject_id,
        purpose,
        channel,
        brand
    from claims

)

select
    claims.subject_id,
    claims.contact_id,
    claims.purpose,
    claims.channel,
    brands.brand,
    claims.evidence_id,
    claims.authority,
    claims.authority_position,
    claims.state,
    {{ consent_severity('claims.state') }} as severity,
    claims.reason,
    claims.decided_at,
    claims.effective_at,
    claims.expires_at
from claims
inner join brands
    on
        claims.subject_id = brands.subject_id
        and claims.purpose = brands.purpose
        and claims.channel = brands.channel
        and (
            claims.brand = brands.brand
            or (claims.brand = '' and claims.said_state <> 'granted')
        )
qualify
    claims.is_lasting
    or row_number() over (
        partition by
            claims.subject_id,
            claims.purpose,
            claims.channel,
            brands.brand,
            claims.authority,
            claims.identifier_key,
            claims.is_lasting
        order by
            claims.decided_at desc,
            {{ consent_severity('claims.state') }} desc,
            claims.evidence_id asc
    ) = 1
