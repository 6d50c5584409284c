-- An authority that takes a purpose as granted while another refuses it, or the other way round:
-- the refusal holds, and whoever still says granted has to hear of it.
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
    states.since_at,
    states.own_state,
    states.provider_state,
    states.crm_state,
    states.import_state,
    verdicts.decided_at > states.decided_at as is_granted_later,
    -- What an import says is no list that anybody keeps. A grant that only lacks a proof or a
    -- confirmation is for us to ask again; another authority's own list is to be corrected there.
    case
        when verdicts.authority = 'import' then 'nobody'
        when states.state in ('pending', 'unproven', 'expired') then 'own'
        when verdicts.authority = 'own' and verdicts.decided_at > states.decided_at
            then states.authority
        else verdicts.authority
    end as to_act
from states
inner join verdicts
    on
        states.subject_id = verdicts.subject_id
        and states.purpose = verdicts.purpose
        and states.channel = verdicts.channel
        and states.brand = verdicts.brand
where states.has_conflict and verdicts.state = 'granted'
