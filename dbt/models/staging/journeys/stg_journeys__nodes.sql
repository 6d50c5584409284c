select
    journey,
    version,
    node,
    position,
    kind,
    way,
    subject,
    channel,
    trigger_kind,
    definition
from {{ source('lake', 'journey_nodes') }}
