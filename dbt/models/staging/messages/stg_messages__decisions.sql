select
    intent_id,
    decision,
    gate,
    case when decision <> 'queued' then detail end as detail,
    deferred_until as deferred_until_at,
    winner_intent_id,
    value_lost,
    consent_evidence_id,
    consent_decided_at,
    consent_legal_basis,
    consent_text_hash,
    consent_policy_version,
    scheduled_at,
    -- Of a message that was queued the detail says how its hour was chosen.
    case when decision = 'queued' then {{ json_text('detail', 'hour') }} end as hour_choice,
    case when decision = 'queued' then cast({{ json_text('detail', 'propensity') }} as double) end
        as hour_propensity,
    sequence as decision_sequence,
    known_at
from {{ source('lake', 'message_decisions') }}
