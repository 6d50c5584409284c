select
    object_type,
    pipeline_id,
    pipeline_name,
    stage_id,
    stage_name,
    position,
    probability,
    is_closed,
    is_archived,
    known_at
from {{ ref('stg_crm__stages') }}
