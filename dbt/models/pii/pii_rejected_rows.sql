{{ config(alias='rejected_rows') }}

select
    landing_file,
    landing_line,
    landed_at,
    kind,
    verdict,
    reason,
    field,
    detail,
    original,
    original_size
from {{ ref('stg_system__rejected_rows') }}
