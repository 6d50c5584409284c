{{ config(materialized='view') }}

-- What providers tell of messages, with the message of ours that it is about: by the id that we
-- sent along, else by the provider's own.
with events as (

    select * from {{ ref('stg_delivery__events') }}

),

attempts as (

    select * from {{ ref('stg_messages__attempts') }}

),

messages as (

    select
        message_id,
        max(case when is_test then 1 else 0 end) = 1 as is_test
    from attempts
    group by message_id

),

-- A provider's id is of one message; should it ever not be, no event counts twice.
by_provider as (

    select
        provider,
        provider_message_id,
        min(message_id) as message_id,
        max(case when is_test then 1 else 0 end) = 1 as is_test
    from attempts
    where provider_message_id is not null
    group by provider, provider_message_id

)

select
    events.provider,
    events.provider_event_id,
    events.event_type,
    events.channel,
    events.provider_message_id,
    events.outbox_id,
    events.email_key,
    events.phone_key,
    events.bounce_type,
    events.reason,
    events.is_machine,
    events.occurred_at,
    events.known_at,
    coalesce(messages.message_id, by_provider.message_id) as message_id,
    coalesce(messages.is_test, by_provider.is_test, false) as is_test
from events
left join messages on events.outbox_id = messages.message_id
left join by_provider
    on
        events.provider = by_provider.provider
        and events.provider_message_id = by_provider.provider_message_id
