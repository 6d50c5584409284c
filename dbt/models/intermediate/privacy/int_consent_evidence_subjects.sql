with evidence as (

    select * from {{ ref('int_consent_evidence') }}

),

subjects as (

    select * from {{ ref('int_consent_subjects') }}

),

named as (

    select
        evidence_id,
        identifier_type,
        identifier_key
    from evidence
    union all
    select
        evidence_id,
        other_identifier_type as identifier_type,
        other_identifier_key as identifier_key
    from evidence
    where other_identifier_key is not null

),

resolved as (

    select distinct
        named.evidence_id,
        subjects.contact_id
    from named
    inner join subjects
        on
            named.identifier_type = subjects.identifier_type
            and named.identifier_key = subjects.identifier_key

)

select
    evidence.evidence_id,
    coalesce(resolved.contact_id, evidence.identifier_key) as subject_id,
    resolved.contact_id
from evidence
left join resolved on evidence.evidence_id = resolved.evidence_id
