-- What stood against a message when a provider took it: refusals about the very identifier that its
-- proof is about, or the address it went to, so that no later change of identities moves them. The
-- latest statement of an authority about an identifier counts, and a lasting one beside it.
with sent as (

    select * from {{ ref('message_queue') }}
    where outcome = 'sent' and consent_evidence_id is not null

),

evidence as (

    select * from {{ ref('int_consent_evidence') }}

),

recorded as (

    select * from {{ ref('stg_privacy__consent_events') }}

),

identifiers as (

    select
        sent.intent_id,
        evidence.identifier_key
    from sent
    inner join evidence on sent.consent_evidence_id = evidence.evidence_id
    union
    select
        intent_id,
        recipient_key as identifier_key
    from sent
    where recipient_key is not null

),

-- An identifier of several contacts says the same of each.
statements as (

    select distinct
        evidence_id,
        identifier_key,
        purpose,
        channel,
        said_state,
        authority,
        is_lasting,
        decided_at
    from {{ ref('int_consent_statements') }}
    where brand = '' or said_state = 'granted'

),

standing as (

    select
        sent.intent_id,
        sent.decided_at as passed_at,
        sent.sent_at,
        statements.*
    from sent
    inner join identifiers on sent.intent_id = identifiers.intent_id
    inner join statements
        on
            identifiers.identifier_key = statements.identifier_key
            and sent.purpose = statements.purpose
            and sent.channel = statements.channel
            and sent.sent_at > statements.decided_at
    qualify
        statements.is_lasting
        or row_number() over (
            partition by
                sent.intent_id,
                statements.authority,
                statements.identifier_key,
                statements.is_lasting
            order by
                statements.decided_at desc,
                {{ consent_severity('statements.said_state') }} desc,
                statements.evidence_id asc
        ) = 1

)

select
    standing.intent_id,
    standing.evidence_id,
    standing.said_state,
    standing.decided_at as refused_at,
    evidence.known_at,
    {{ seconds_between('standing.decided_at', 'standing.sent_at') }} / 3600e0 as hours_after,
    -- Ours to know: what a source told later could not be heeded.
    coalesce(recorded.recorded_at <= standing.passed_at, false) as is_recorded
from standing
inner join evidence on standing.evidence_id = evidence.evidence_id
left join recorded on standing.evidence_id = recorded.event_id
where standing.said_state in ('withdrawn', 'objection')
qualify row_number() over (
    partition by standing.intent_id
    order by
        coalesce(recorded.recorded_at <= standing.passed_at, false) desc,
        standing.decided_at asc,
        standing.evidence_id asc
) = 1
