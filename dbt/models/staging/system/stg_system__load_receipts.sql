select
    kind,
    landing_file,
    file_name,
    sha256,
    landed_at,
    received,
    good,
    bad,
    duplicate,
    quarantined,
    erased,
    size_bytes
from {{ source('lake', 'load_receipts') }}
