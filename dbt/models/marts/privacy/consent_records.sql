with evidence as (

    select * from {{ ref('int_consent_evidence') }}

),

evidence_subjects as (

    select * from {{ ref('int_consent_evidence_subjects') }}

),

standing as (

    select distinct
        evidence_id,
        subject_id
    from {{ ref('int_consent_standing') }}

),

deciding as (

    select distinct
        evidence_id,
        subject_id
    from {{ ref('consent_states') }}

)

select
    evidence.evidence_id,
    evidence_subjects.subject_id,
    evidence_subjects.contact_id,
    evidence_subjects.account_id,
    evidence.identifier_type,
    evidence.identifier_key,
    evidence.evidence_type,
    evidence.purpose,
    evidence.covers,
    evidence.channel,
    evidence.brand,
    evidence.state,
    evidence.reason,
    evidence.authority,
    evidence.source_class,
    evidence.source,
    evidence.mechanism,
    evidence.legal_basis,
    evidence.text_version,
    evidence.text_hash,
    evidence.language,
    evidence.is_lasting,
    standing.evidence_id is not null as is_standing,
    deciding.evidence_id is not null as is_in_force,
    evidence.evidence_reference,
    evidence.decided_at,
    evidence.known_at
from evidence
inner join evidence_subjects on evidence.evidence_id = evidence_subjects.evidence_id
left join standing
    on
        evidence.evidence_id = standing.evidence_id
        and evidence_subjects.subject_id = standing.subject_id
left join deciding
    on
        evidence.evidence_id = deciding.evidence_id
        and evidence_subjects.subject_id = deciding.subject_id
