select
    message_id,
    state,
    reason,
    provider,
    attempts,
    template_version,
    consent_evidence_id,
    planned_at as queued_at,
    scheduled_at,
    sent_at,
    updated_at,
    sequence as state_sequence,
    known_at
from {{ source('lake', 'message_states') }}
