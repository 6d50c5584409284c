with verdicts as (

    select * from {{ ref('int_consent_verdicts') }}

),

evidence as (

    select * from {{ ref('int_consent_evidence') }}

),

purposes as (

    select * from {{ ref('stg_marketing__consent_purposes') }}

),

policy as (

    select max(policy_version) as policy_version from purposes

),

authorities as (

    select
        subject_id,
        purpose,
        channel,
        brand,
        max(case when authority = 'own' then state end) as own_state,
        max(case when authority = 'provider' then state end) as provider_state,
        max(case when authority = 'crm' then state end) as crm_state,
        max(case when authority = 'import' then state end) as import_state,
        max(case when state = 'granted' then 1 else 0 end)
        > min(case when state in ('granted', 'lifted') then 1 else 0 end) as has_conflict,
        min(case when state = 'granted' then expires_at end) as expires_at
    from verdicts
    group by subject_id, purpose, channel, brand

),

-- The most restrictive authority decides; of several that agree, the one whose proof is preferred.
deciding as (

    select *
    from verdicts
    qualify row_number() over (
        partition by subject_id, purpose, channel, brand
        order by severity desc, authority_position asc, evidence_id asc
    ) = 1

)

select
    deciding.subject_id,
    deciding.contact_id,
    deciding.purpose,
    deciding.channel,
    deciding.brand,
    coalesce(purposes.is_marketing, true) as is_marketing,
    case when deciding.state = 'lifted' then 'unknown' else deciding.state end as state,
    deciding.reason,
    deciding.evidence_id,
    deciding.authority,
    evidence.source_class,
    evidence.legal_basis,
    evidence.text_version,
    evidence.text_hash,
    deciding.decided_at,
    deciding.effective_at as since_at,
    case when deciding.state = 'granted' then authorities.expires_at end as expires_at,
    authorities.own_state,
    authorities.provider_state,
    authorities.crm_state,
    authorities.import_state,
    authorities.has_conflict,
    policy.policy_version
from deciding
inner join authorities
    on
        deciding.subject_id = authorities.subject_id
        and deciding.purpose = authorities.purpose
        and deciding.channel = authorities.channel
        and deciding.brand = authorities.brand
inner join evidence on deciding.evidence_id = evidence.evidence_id
left join purposes
    on deciding.purpose = purposes.purpose and deciding.channel = purposes.channel
cross join policy
