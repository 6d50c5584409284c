select
    position,
    entered_at,
    actor,
    action,
    object,
    subject_key,
    before_hash,
    after_hash,
    reason,
    previous,
    digest,
    sequence,
    known_at
from {{ source('lake', 'audit_chain') }}
