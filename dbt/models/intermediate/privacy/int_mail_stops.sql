-- Unsubscribes, complaints and bounces that last, as track messages of the mail tool tell them.
with messages as (

    select * from {{ ref('stg_events__messages') }}

),

bounces as (

    select
        message_id,
        lower(coalesce(
            {{ json_text('properties', 'bounce_type') }}, {{ json_text('properties', 'type') }}
        )) as bounce_type
    from {{ source('lake', 'events') }}
    where event like '%Bounced%'

),

mail_events as (

    select *
    from {{ ref('stg_marketing__consent_mail_events') }}
    where reason is not null

)

select
    {{ evidence_id('message', ['messages.message_id']) }} as evidence_id,
    case when messages.user_key is not null then 'user_id' else 'anonymous_id' end
        as identifier_type,
    coalesce(messages.user_key, messages.anonymous_key) as identifier_key,
    case
        when messages.user_key is not null and messages.anonymous_key is not null
            then 'anonymous_id'
    end as other_identifier_type,
    case when messages.user_key is not null then messages.anonymous_key end
        as other_identifier_key,
    mail_events.reason,
    messages.message_id,
    coalesce(messages.occurred_at, messages.known_at) as decided_at,
    messages.known_at
from messages
inner join mail_events on messages.event = mail_events.event
left join bounces on messages.message_id = bounces.message_id
where
    messages.message_type = 'track'
    and coalesce(messages.user_key, messages.anonymous_key) is not null
    and coalesce(bounces.bounce_type, '') not in ('soft', 'transient', 'block', 'blocked')
