with messages as (

    select * from {{ ref('message_queue') }}
    where outcome = 'sent'

),

classes as (

    select * from {{ ref('stg_marketing__message_classes') }}

),

purposes as (

    select
        purpose,
        max(case when is_marketing then 1 else 0 end) = 1 as is_marketing
    from {{ ref('stg_marketing__consent_purposes') }}
    group by purpose

),

evidence as (

    select * from {{ ref('int_consent_evidence') }}

),

joined as (

    select
        messages.*,
        -- A purpose that nobody knows is taken to be marketing, a class to need consent.
        coalesce(purposes.is_marketing, true) as is_marketing,
        coalesce(classes.needs_consent, true) as is_consent_needed,
        coalesce(messages.decided_at >= classes.in_force_since, true) as is_by_this_policy,
        evidence.evidence_id,
        evidence.state as evidence_state,
        evidence.purpose as proof_purpose,
        evidence.channel as proof_channel,
        evidence.source_class,
        evidence.source,
        evidence.mechanism,
        evidence.legal_basis,
        evidence.text_version,
        evidence.text_hash,
        evidence.evidence_reference,
        evidence.decided_at as consented_at,
        evidence.known_at as proof_known_at
    from messages
    left join classes on messages.message_class = classes.message_class
    left join purposes on messages.purpose = purposes.purpose
    left join evidence on messages.consent_evidence_id = evidence.evidence_id

),

final as (

    select
        intent_id,
        contact_id,
        source_kind,
        source_key,
        channel,
        message_class,
        purpose,
        is_marketing,
        is_consent_needed,
        is_by_this_policy,
        sent_at,
        decided_at,
        consent_evidence_id,
        case
            when consent_evidence_id is null and not is_consent_needed then 'not_needed'
            when consent_evidence_id is null then 'missing'
            when evidence_id is null then 'lost'
            when consented_at > decided_at or proof_known_at > decided_at then 'later'
            else evidence_state
        end as state_then,
        proof_purpose,
        proof_channel,
        source_class,
        source,
        mechanism,
        legal_basis,
        text_version,
        text_hash,
        evidence_reference,
        consented_at,
        proof_known_at
    from joined

)

select * from final
