select
    segment,
    definition_hash,
    position as condition_number,
    path,
    unit,
    kind,
    subject,
    is_negated,
    condition as condition_json
from {{ source('lake', 'segment_conditions') }}
