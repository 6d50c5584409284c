select
    intent_id,
    decision,
    gate,
    detail,
    deferred_until as deferred_until_at,
    winner_intent_id,
    value_lost,
    consent_evidence_id,
    scheduled_at,
    sequence as decision_sequence,
    known_at
from {{ source('lake', 'message_decisions') }}
