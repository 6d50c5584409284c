{{ config(materialized='view') }}

-- What providers and our own links tell of messages, with the message of ours that it is about: by
-- the id that we sent along, else by the provider's own. A send is named by the provider's ids.
-- What a provider tells of the readers of our own mails was not asked for: its tracking is switched
-- off, since readers could not refuse it. Our links and pixels tell of those who agreed.
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
    events.url,
    events.is_machine,
    events.occurred_at,
    events.known_at,
    coalesce(events.provider_message_id, sends.provider_message_id) as send_id,
    coalesce(sends.provider, events.provider) as send_provider,
    coalesce(messages.message_id, by_provider.message_id) as message_id,
    coalesce(messages.is_test, by_provider.is_test, false) as is_test,
    events.provider <> 'links'
    and events.channel = 'email'
    and events.event_type in ('opened', 'clicked')
    and coalesce(messages.message_id, by_provider.message_id) is not null as is_unasked
from events
left join {{ ref('int_click_sends') }} as sends
    on events.provider = sends.told_by and events.outbox_id = sends.message_id
left join messages on events.outbox_id = messages.message_id
left join by_provider
    on
        events.provider = by_provider.provider
        and events.provider_message_id = by_provider.provider_message_id
