select
    segment,
    member_type,
    member_id,
    account_id,
    change,
    definition_hash,
    sequence as change_sequence,
    known_at
from {{ source('lake', 'segment_changes') }}
