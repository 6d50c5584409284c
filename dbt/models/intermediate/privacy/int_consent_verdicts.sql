select
    subject_id,
    contact_id,
    purpose,
    channel,
    brand,
    authority,
    authority_position,
    state,
    severity,
    reason,
    evidence_id,
    decided_at,
    effective_at,
    -- Of several grants the first one to lapse takes the state with it.
    min(expires_at) over (
        partition by subject_id, purpose, channel, brand, authority, state
    ) as expires_at
from {{ ref('int_consent_standing') }}
qualify row_number() over (
    partition by subject_id, purpose, channel, brand, authority
    order by severity desc, effective_at asc, evidence_id asc
) = 1
