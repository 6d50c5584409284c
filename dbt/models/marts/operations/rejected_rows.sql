select
    landing_file,
    landing_line,
    landed_at,
    kind,
    verdict,
    reason,
    field,
    original_size
from {{ ref('stg_system__rejected_rows') }}
