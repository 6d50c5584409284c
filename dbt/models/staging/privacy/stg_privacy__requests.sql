-- The last state that an export found.
select
    request_id,
    kind,
    subject_key,
    state,
    requested_at,
    due_at,
    finished_at,
    proof_hash,
    steps,
    forwards,
    updated_at
from {{ source('lake', 'privacy_requests') }}
qualify row_number() over (partition by request_id order by sequence desc, updated_at desc) = 1
