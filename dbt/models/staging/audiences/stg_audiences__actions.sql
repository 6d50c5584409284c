-- The last state that an export found.
select
    action_id,
    kind,
    source_kind,
    source_key,
    contact_id,
    state,
    remote_id,
    attempts,
    code,
    message,
    requested_at,
    updated_at
from {{ source('lake', 'crm_action_states') }}
qualify row_number() over (partition by action_id order by sequence desc, updated_at desc) = 1
