{{ config(materialized='view') }}

-- Opens and clicks of mails as track messages tell them, and what webhooks and our own
-- links tell of mails, SMS and push messages.
with mail_events as (

    select
        parameter_key as event,
        {{ json_text('value', 'reaction') }} as reaction
    from ({{ parameter_rows('mail_events') }}) as names

),

reactions as (

    select
        case mail_events.reaction when 'opened' then 'email_open' else 'email_click' end
            as touch_type,
        events.occurred_at,
        events.occurred_on,
        events.contact_id,
        coalesce(events.anonymous_key, events.user_key) as visitor_key,
        events.vertical,
        coalesce(events.mailing_id, events.utm_campaign) as campaign,
        events.content_id,
        events.actor_class,
        'events' as source,
        events.message_id as source_id
    from {{ ref('fct_events') }} as events
    inner join mail_events on events.event = mail_events.event
    where events.message_type = 'track' and mail_events.reaction in ('opened', 'clicked')
    union all
    select
        case
            when deliveries.event_type = 'received' then 'sms_reply'
            when deliveries.event_type = 'clicked' then deliveries.channel || '_click'
            else deliveries.channel || '_open'
        end as touch_type,
        deliveries.occurred_at,
        cast({{ local_time('deliveries.occurred_at', 'reporting.time_zone') }} as date)
            as occurred_on,
        members.contact_id,
        null as visitor_key,
        contacts.vertical,
        case
            when contains(deliveries.url, 'utm_campaign=')
                then {{ query_value(query_of('deliveries.url'), 'utm_campaign') }}
        end as campaign,
        null as content_id,
        coalesce(actors.actor_class, 'human') as actor_class,
        'webhooks' as source,
        deliveries.provider || '/' || deliveries.provider_event_id as source_id
    from {{ ref('int_delivery_events') }} as deliveries
    cross join {{ ref('stg_system__reporting') }} as reporting
    left join {{ ref('int_identity_members') }} as members
        on coalesce(deliveries.email_key, deliveries.phone_key) = members.identifier_key
    left join {{ ref('int_contacts') }} as contacts on members.contact_id = contacts.contact_id
    left join {{ ref('int_event_actors') }} as actors
        on
            actors.origin = 'webhooks'
            and actors.event_id = deliveries.provider || '/' || deliveries.provider_event_id
    where
        not deliveries.is_test
        and not deliveries.is_unasked
        and (
            (
                deliveries.channel in ('email', 'push')
                and deliveries.event_type in ('opened', 'clicked')
            )
            or (deliveries.channel = 'sms' and deliveries.event_type in ('clicked', 'received'))
        )

)

select
    reactions.touch_type,
    reactions.occurred_at,
    reactions.occurred_on,
    reactions.contact_id,
    reactions.visitor_key,
    reactions.vertical,
    coalesce(touch_types.channel, 'unknown') as channel,
    case when touch_types.channel is null then 'no_rule' else 'touch_type' end as channel_rule,
    reactions.campaign,
    reactions.content_id,
    reactions.actor_class,
    touch_types.depth,
    reactions.source,
    reactions.source_id
from reactions
inner join {{ ref('stg_marketing__touch_types') }} as touch_types
    on reactions.touch_type = touch_types.touch_type
