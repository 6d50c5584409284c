select
    segment,
    definition_hash,
    status,
    members_before,
    members,
    entered,
    departed,
    sampled,
    sample_found,
    sample_true,
    sample_both,
    sequence as evaluation_sequence,
    known_at as evaluated_at
from {{ source('lake', 'segment_evaluations') }}
