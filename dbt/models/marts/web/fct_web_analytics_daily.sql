select
    source,
    property_id,
    report_on,
    channel_group,
    traffic_source,
    traffic_medium,
    campaign,
    sessions,
    engaged_sessions,
    users,
    new_users,
    key_events,
    known_at
from {{ ref('stg_web__analytics') }}
