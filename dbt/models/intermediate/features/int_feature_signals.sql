{{ config(materialized='view') }}

-- Who did what, and when it was known: messages, mails, what providers report and records of other
-- tools. What machines did is left out, and uses are of one source, since two may tell of the same.
with settings as (

    select coalesce(max({{ json_text('value', 'uses') }}), 'events') as uses
    from ({{ parameter_rows('feature_settings') }}) as found

),

families as (

    select * from {{ ref('int_feature_families') }}

),

events as (

    select
        events.contact_id,
        case
            when families.family is not null then families.family
            when events.message_type = 'page' then 'pages'
            when
                settings.uses = 'events'
                and events.message_type in ('track', 'screen')
                and events.user_key is not null
                and events.page_host is null
                and events.send_id is null
                and events.order_id is null
                then 'uses'
        end as family,
        case
            when families.family is not null then families.touch_type
            when events.message_type = 'page' then 'content_view'
        end as touch_type,
        events.occurred_at,
        events.known_at,
        cast(null as timestamp) as superseded_at,
        1e0 as amount
    from {{ ref('fct_events') }} as events
    cross join settings
    left join families
        on case when events.message_type = 'track' then events.event end = families.event
    where events.contact_id is not null and events.actor_class != 'machine'

),

mails as (

    select
        contact_id,
        'mails' as family,
        cast(null as varchar) as touch_type,
        sent_at as occurred_at,
        sent_known_at as known_at,
        cast(null as timestamp) as superseded_at,
        1e0 as amount
    from {{ ref('fct_emails') }}
    where contact_id is not null and sent_at is not null

),

reports as (

    select
        members.contact_id,
        case
            when deliveries.channel = 'sms' and deliveries.event_type = 'received' then 'sms_reply'
            when deliveries.event_type = 'clicked' then deliveries.channel || '_click'
            when deliveries.event_type = 'opened' then deliveries.channel || '_open'
        end as touch_type,
        deliveries.event_type,
        deliveries.occurred_at,
        deliveries.known_at
    from {{ ref('int_delivery_events') }} as deliveries
    inner join {{ ref('int_identity_members') }} as members
        on coalesce(deliveries.email_key, deliveries.phone_key) = members.identifier_key
    left join {{ ref('int_event_actors') }} as actors
        on
            actors.origin = 'webhooks'
            and actors.event_id = deliveries.provider || '/' || deliveries.provider_event_id
    where
        members.contact_id is not null
        and not deliveries.is_test
        and not deliveries.is_unasked
        and coalesce(actors.actor_class, 'human') != 'machine'

),

weights as (

    select
        parameter_key as touch_type,
        {{ json_number('frequency_weight') }} as touch_weight,
        {{ json_number('intent_points') }} as intent_points
    from ({{ parameter_rows('engagement_touches') }}) as found

),

every_one as (

    select * from events
    union all
    select * from mails
    union all
    select
        contact_id,
        case
            when event_type in ('bounced', 'dropped', 'unsubscribed', 'complained')
                then 'mail_stops'
            else {{ signal_family('touch_type') }}
        end as family,
        touch_type,
        occurred_at,
        known_at,
        cast(null as timestamp) as superseded_at,
        1e0 as amount
    from reports
    union all
    select
        records.contact_id,
        coalesce({{ signal_family('records.kind') }}, records.kind) as family,
        case when {{ signal_family('records.kind') }} is not null then records.kind end
            as touch_type,
        records.occurred_at,
        records.known_at,
        records.superseded_at,
        cast(records.amount as double) as amount
    from {{ ref('int_feature_records') }} as records
    cross join settings
    where
        records.kind not in ('nps', 'csat')
        and (records.kind != 'uses' or settings.uses = 'product_usage')

)

select
    every_one.contact_id,
    every_one.family,
    weights.touch_weight,
    weights.intent_points,
    every_one.occurred_at,
    every_one.known_at,
    every_one.superseded_at,
    every_one.amount
from every_one
left join weights on every_one.touch_type = weights.touch_type
where every_one.family is not null
