-- A provider that gives no time (Twilio) is taken to tell at once.
select
    provider,
    provider_event_id,
    event_type,
    channel,
    provider_message_id,
    outbox_id,
    email_key,
    phone_key,
    bounce_type,
    reason,
    url,
    user_agent,
    ip,
    coalesce(is_machine, false) as is_machine,
    coalesce(occurred_at, known_at) as occurred_at,
    known_at
from {{ source('lake', 'delivery_events') }}
