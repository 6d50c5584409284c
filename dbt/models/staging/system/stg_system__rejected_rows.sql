select
    landing_file,
    landing_line,
    landed_at,
    known_at,
    kind,
    verdict,
    reason,
    field,
    detail,
    original,
    original_size
from {{ source('lake', 'rejected_rows') }}
