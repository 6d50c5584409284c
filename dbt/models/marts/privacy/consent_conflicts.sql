with verdicts as (

    select * from {{ ref('int_consent_verdicts') }}

),

states as (

    select * from {{ ref('consent_states') }}

)

select
    states.subject_id,
    states.contact_id,
    states.purpose,
    states.channel,
    states.brand,
    verdicts.authority as granting_authority,
    verdicts.evidence_id as granting_evidence_id,
    verdicts.decided_at as granted_at,
    states.state,
    states.reason,
    states.authority as deciding_authority,
    states.evidence_id as deciding_evidence_id,
    states.since_at
from states
inner join verdicts
    on
        states.subject_id = verdicts.subject_id
        and states.purpose = verdicts.purpose
        and states.channel = verdicts.channel
        and states.brand = verdicts.brand
where states.has_conflict and verdicts.state = 'granted'
