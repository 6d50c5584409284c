with evidence as (

    select * from {{ ref('int_consent_evidence') }}

),

subjects as (

    select
        identifier_type,
        identifier_key,
        contact_id,
        cast(null as varchar) as account_id
    from {{ ref('int_consent_subjects') }}
    union all
    select
        identifier_type,
        identifier_key,
        contact_id,
        account_id
    from {{ ref('int_consent_organisations') }}

),

given_up as (

    select * from {{ ref('int_rectified_identifiers') }}

),

named as (

    select
        evidence_id,
        state,
        channel,
        identifier_type,
        identifier_key
    from evidence
    union all
    select
        evidence_id,
        state,
        channel,
        other_identifier_type as identifier_type,
        other_identifier_key as identifier_key
    from evidence
    where other_identifier_key is not null

),

-- A grant was given for the address that it names; a refusal is the person's.
matched as (

    select
        named.evidence_id,
        subjects.contact_id,
        subjects.account_id,
        given_up.identifier_key is not null
        and named.state in ('granted', 'pending') as is_given_up,
        -- By another identifier that it names, the person has it still: not for this channel.
        given_up.identifier_key is not null
        and named.state in ('granted', 'pending')
        and named.channel <> 'all'
        and (named.channel = 'email') = (named.identifier_type = 'email') as is_of_channel
    from named
    inner join subjects
        on
            named.identifier_type = subjects.identifier_type
            and named.identifier_key = subjects.identifier_key
    left join given_up
        on
            subjects.contact_id = given_up.contact_id
            and named.identifier_type = given_up.identifier_type
            and named.identifier_key = given_up.identifier_key

),

resolved as (

    select
        evidence_id,
        contact_id,
        min(account_id) as account_id
    from matched
    group by evidence_id, contact_id
    having
        max(case when is_given_up then 0 else 1 end) = 1
        and max(case when is_of_channel then 1 else 0 end) = 0

)

select
    evidence.evidence_id,
    coalesce(resolved.contact_id, evidence.identifier_key) as subject_id,
    resolved.contact_id,
    coalesce(
        resolved.account_id,
        case when evidence.identifier_type = 'crm_company' then evidence.identifier_key end
    ) as account_id
from evidence
left join resolved on evidence.evidence_id = resolved.evidence_id
