-- Links and pixels of our own say which message was read and nothing of who sent it: that is what
-- the outbox says, of its last attempt that was taken, else what the provider tells of the message.
with events as (

    select * from {{ ref('stg_delivery__events') }}

),

clicked as (

    select distinct
        provider as told_by,
        outbox_id as message_id
    from events
    where provider = 'links'

),

sends as (

    select
        message_id,
        provider,
        provider_message_id,
        1 as choice,
        attempt,
        started_at as sent_at
    from {{ ref('stg_messages__attempts') }}
    where result = 'accepted' and provider_message_id is not null
    union all
    select
        outbox_id as message_id,
        provider,
        provider_message_id,
        2 as choice,
        null as attempt,
        occurred_at as sent_at
    from events
    where provider <> 'links' and channel = 'email' and provider_message_id is not null

)

select
    clicked.told_by,
    clicked.message_id,
    sends.provider,
    sends.provider_message_id
from clicked
inner join sends on clicked.message_id = sends.message_id
qualify row_number() over (
    partition by clicked.message_id
    order by
        sends.choice asc,
        sends.attempt desc,
        sends.sent_at asc,
        sends.provider asc,
        sends.provider_message_id asc
) = 1
