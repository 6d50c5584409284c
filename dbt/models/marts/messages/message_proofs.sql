with messages as (

    select * from {{ ref('message_queue') }}
    where outcome = 'sent'

),

purposes as (

    select
        purpose,
        max(case when is_marketing then 1 else 0 end) = 1 as is_marketing
    from {{ ref('stg_marketing__consent_purposes') }}
    group by purpose

),

policy as (

    select
        max(purposes.policy_version) as policy_version,
        max({{ days_later('run_context.as_of', '-2') }}) as fresh_since
    from {{ ref('stg_system__run_context') }} as run_context
    left join {{ ref('stg_marketing__consent_purposes') }} as purposes on true

),

joined as (

    select
        messages.*,
        -- A purpose that nobody knows is taken to be marketing, a class to need consent.
        coalesce(purposes.is_marketing, true) as is_marketing,
        coalesce(classes.needs_consent, true) as is_consent_needed,
        coalesce(messages.decided_at >= classes.in_force_since, true) as is_by_this_policy,
        messages.decided_at >= policy.fresh_since as is_fresh,
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
        evidence.known_at as proof_known_at,
        subjects.contact_id is not null
        or coalesce(
            messages.recipient_key in (evidence.identifier_key, evidence.other_identifier_key),
            false
        ) as is_same_person,
        case
            when claims.expires_at <= messages.decided_at then 'expired'
            -- What later facts about the person cannot add.
            when
                messages.consent_policy_version = policy.policy_version
                and claims.reason in (
                    'unknown_purpose', 'no_legal_basis', 'basis_not_allowed', 'no_notice',
                    'not_confirmed'
                )
                then claims.state
        end as shortcoming,
        refusals.evidence_id as refusal_evidence_id,
        refusals.refused_at,
        refusals.hours_after as hours_after_refusal,
        coalesce(refusals.is_recorded, false) as is_refusal_recorded
    from messages
    cross join policy
    left join {{ ref('stg_marketing__message_classes') }} as classes
        on messages.message_class = classes.message_class
    left join purposes on messages.purpose = purposes.purpose
    left join {{ ref('int_consent_evidence') }} as evidence
        on messages.consent_evidence_id = evidence.evidence_id
    left join {{ ref('int_consent_evidence_subjects') }} as subjects
        on
            messages.consent_evidence_id = subjects.evidence_id
            and messages.contact_id = subjects.contact_id
    left join {{ ref('int_consent_claims') }} as claims
        on
            messages.consent_evidence_id = claims.evidence_id
            and messages.contact_id = claims.contact_id
            and messages.purpose = claims.purpose
            and messages.channel = claims.channel
    left join {{ ref('int_message_refusals') }} as refusals
        on messages.intent_id = refusals.intent_id

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
        is_fresh,
        sent_at,
        decided_at,
        consent_evidence_id,
        consent_policy_version as policy_version,
        case
            when consent_evidence_id is null and not is_consent_needed then 'not_needed'
            when consent_evidence_id is null then 'missing'
            when evidence_id is null then 'lost'
            when consented_at > decided_at or proof_known_at > decided_at then 'later'
            when coalesce(proof_purpose <> purpose, true) then 'other_purpose'
            when proof_channel <> channel then 'other_channel'
            when not is_same_person then 'other_person'
            when is_refusal_recorded then 'refused'
            when evidence_state <> 'granted' then evidence_state
            else coalesce(shortcoming, 'granted')
        end as state_then,
        coalesce(
            consented_at = consent_decided_at
            and coalesce(legal_basis, '') = coalesce(consent_legal_basis, '')
            and coalesce(text_hash, '') = coalesce(consent_text_hash, ''),
            consent_policy_version is null
        ) as is_unchanged,
        proof_purpose,
        proof_channel,
        source_class,
        source,
        mechanism,
        coalesce(consent_legal_basis, legal_basis) as legal_basis,
        text_version,
        coalesce(consent_text_hash, text_hash) as text_hash,
        evidence_reference,
        coalesce(consent_decided_at, consented_at) as consented_at,
        proof_known_at,
        refusal_evidence_id,
        refused_at,
        hours_after_refusal
    from joined

)

select * from final
