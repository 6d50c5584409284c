-- One row per address or phone, channel and reason: the earliest date wins, imports only tighten.
select
    identifier_type,
    identifier_key,
    channel,
    reason,
    min(suppressed_at) as suppressed_at,
    min(known_at) as known_at
from {{ source('lake', 'suppressions') }}
group by identifier_type, identifier_key, channel, reason
