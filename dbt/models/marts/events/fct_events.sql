{{ config(meta={'month_column': 'occurred_on'}) }}

with messages as (

    select * from {{ ref('stg_events__messages') }}

),

members as (

    select
        identifier_key,
        contact_id
    from {{ ref('int_identity_members') }}
    where contact_id is not null

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

hosts as (

    select * from {{ ref('stg_marketing__vertical_hosts') }}

),

actors as (

    select * from {{ ref('int_event_actors') }} where origin = 'events'

),

only_vertical as (

    {{ only_vertical() }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

-- Who is logged in, else whose address it carries, else whose device it is.
localised as (

    select
        messages.*,
        case
            when messages.user_key is not null then 'user_id'
            when messages.email_key is not null then 'email'
            when messages.phone_key is not null then 'phone'
            else 'anonymous_id'
        end as identified_by,
        case
            when messages.user_key is not null then users.contact_id
            when messages.email_key is not null then addresses.contact_id
            when messages.phone_key is not null then phones.contact_id
            else devices.contact_id
        end as contact_id,
        reporting.base_currency,
        cast({{ local_time('messages.occurred_at', 'reporting.time_zone') }} as date)
            as occurred_on
    from messages
    cross join reporting
    left join members as users on messages.user_key = users.identifier_key
    left join members as addresses on messages.email_key = addresses.identifier_key
    left join members as phones on messages.phone_key = phones.identifier_key
    left join members as devices on messages.anonymous_key = devices.identifier_key

)

select
    localised.message_id,
    localised.message_type,
    localised.event,
    localised.occurred_at,
    localised.occurred_on,
    localised.known_at,
    localised.user_key,
    localised.anonymous_key,
    localised.contact_id,
    case when localised.contact_id is not null then localised.identified_by end as identified_by,
    coalesce(hosts.vertical, contacts.vertical, only_vertical.vertical) as vertical,
    localised.page_host,
    localised.page_path,
    localised.referrer_host,
    localised.utm_source,
    localised.utm_medium,
    localised.utm_campaign,
    localised.utm_term,
    localised.utm_content,
    localised.locale,
    localised.send_id,
    localised.mailing_id,
    localised.content_id,
    localised.programme_key,
    localised.order_id,
    localised.revenue,
    localised.currency,
    {{ to_base('localised.revenue', 'localised.currency', 'localised.base_currency', 'fx.rate') }}
        as revenue_base,
    coalesce(actors.actor_class, 'human') as actor_class,
    actors.actor_rule,
    actors.actor_confidence
from localised
left join contacts on localised.contact_id = contacts.contact_id
left join actors on localised.message_id = actors.event_id
left join hosts on localised.page_host = hosts.host
left join only_vertical on true
left join {{ ref('int_fx_rates_daily') }} as fx
    on localised.currency = fx.currency and localised.occurred_on = fx.valid_on
