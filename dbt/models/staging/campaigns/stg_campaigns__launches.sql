select
    campaign,
    occurrence,
    version,
    definition_hash,
    status,
    reason,
    planned_at,
    contacts,
    snapshot_id,
    known_at
from {{ source('lake', 'campaign_launches') }}
