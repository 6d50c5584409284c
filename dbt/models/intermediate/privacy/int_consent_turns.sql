-- What became of consent, month by month: who granted, asked, refused, and whose grant ran out. A
-- refusal of several purposes is a turn of each. Requests are taken as confirmed by the first grant
-- after them, and a grant as run out only where nothing had replaced it.
with claims as (

    select * from {{ ref('int_consent_claims') }}

),

evidence as (

    select * from {{ ref('int_consent_evidence') }}

),

standing as (

    select distinct
        evidence_id,
        subject_id,
        purpose,
        channel
    from {{ ref('int_consent_standing') }}
    where state = 'expired'

),

states as (

    select distinct
        subject_id,
        purpose,
        channel
    from {{ ref('consent_states') }}
    where state = 'granted'

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

told as (

    select
        claims.evidence_id,
        claims.subject_id,
        claims.contact_id,
        claims.purpose,
        claims.channel,
        claims.said_state as turn,
        claims.decided_at as turned_at,
        coalesce(evidence.mechanism, evidence.source_class) as mechanism,
        coalesce(evidence.legal_basis, 'none') as legal_basis,
        case
            when claims.said_state = 'pending' then min(
                case when claims.said_state = 'granted' then claims.decided_at end
            ) over (
                partition by claims.subject_id, claims.purpose, claims.channel
                order by claims.decided_at
                range between current row and unbounded following
            )
        end as confirmed_at
    from claims
    inner join evidence on claims.evidence_id = evidence.evidence_id
    union all
    select
        claims.evidence_id,
        claims.subject_id,
        claims.contact_id,
        claims.purpose,
        claims.channel,
        'expired' as turn,
        claims.expires_at as turned_at,
        coalesce(evidence.mechanism, evidence.source_class) as mechanism,
        coalesce(evidence.legal_basis, 'none') as legal_basis,
        null as confirmed_at
    from claims
    inner join standing
        on
            claims.evidence_id = standing.evidence_id
            and claims.subject_id = standing.subject_id
            and claims.purpose = standing.purpose
            and claims.channel = standing.channel
    inner join evidence on claims.evidence_id = evidence.evidence_id

)

select
    told.evidence_id,
    told.subject_id,
    told.purpose,
    told.channel,
    told.turn,
    told.turned_at,
    {{ month_of(local_time('told.turned_at', 'reporting.time_zone')) }} as month,
    coalesce(contacts.vertical, 'unassigned') as vertical,
    told.mechanism,
    told.legal_basis,
    {{ seconds_between('told.turned_at', 'told.confirmed_at') }} / 86400e0 as days_to_confirm,
    states.subject_id is not null as is_granted_still
from told
cross join reporting
left join contacts on told.contact_id = contacts.contact_id
left join states
    on
        told.subject_id = states.subject_id
        and told.purpose = states.purpose
        and told.channel = states.channel
where told.turn <> 'lifted'
