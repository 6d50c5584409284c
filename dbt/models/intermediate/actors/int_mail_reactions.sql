-- Opens and clicks of mails, as track messages tell them and as webhooks and our own links do, with
-- the delivery of the same send where it is known.
with deliveries as (

    select
        events.*,
        'webhooks/' || coalesce(sends.provider, events.provider) || '/'
        || coalesce(events.provider_message_id, sends.provider_message_id) as send_key
    from {{ ref('stg_delivery__events') }} as events
    left join {{ ref('int_click_sends') }} as sends
        on events.provider = sends.told_by and events.outbox_id = sends.message_id
    where events.channel = 'email'

),

told as (

    select
        'events' as origin,
        message_id as reaction_id,
        send_number,
        'events/' || send_id as send_key,
        reaction,
        link,
        user_agent,
        ip,
        false as is_told_machine,
        person_key,
        occurred_at
    from {{ ref('int_mail_messages') }}
    union all
    select
        'webhooks' as origin,
        provider || '/' || provider_event_id as reaction_id,
        {{ number_of(
            "coalesce(send_key, 'webhook/' || provider || '/' || provider_event_id)"
        ) }} as send_number,
        send_key,
        event_type as reaction,
        url as link,
        user_agent,
        ip,
        is_machine as is_told_machine,
        email_key as person_key,
        occurred_at
    from deliveries
    where event_type in ('delivered', 'opened', 'clicked')

),

sends as (

    select
        send_key,
        min(occurred_at) filter (where reaction = 'delivered') as delivered_at,
        min(occurred_at) filter (where reaction = 'opened') as first_opened_at
    from told
    where send_key is not null
    group by send_key

)

select
    told.origin,
    told.reaction_id,
    told.send_number,
    told.send_key,
    case told.reaction when 'opened' then 'open' else 'click' end as actor_action,
    told.link,
    told.user_agent,
    told.ip,
    told.is_told_machine,
    told.person_key,
    told.occurred_at,
    sends.delivered_at,
    sends.first_opened_at
from told
left join sends on told.send_key = sends.send_key
where told.reaction in ('opened', 'clicked')
