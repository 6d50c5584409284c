with events as (

    select * from {{ ref('stg_delivery__events') }}

)

select
    provider,
    provider_event_id,
    event_type,
    channel,
    provider_message_id,
    outbox_id,
    coalesce(email_key, phone_key) as recipient_key,
    bounce_type,
    reason,
    is_machine,
    occurred_at,
    known_at
from events
where channel != 'crm'
