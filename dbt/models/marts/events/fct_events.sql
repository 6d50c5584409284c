with messages as (

    select * from {{ ref('stg_events__messages') }}

),

user_contacts as (

    select * from {{ ref('int_user_contacts') }}

),

hosts as (

    select * from {{ ref('stg_marketing__vertical_hosts') }}

),

-- With one vertical there is nothing to tell apart.
only_vertical as (

    select min(vertical) as vertical
    from {{ ref('stg_marketing__verticals') }}
    having count(*) = 1

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

localised as (

    select
        messages.*,
        run_context.base_currency,
        cast({{ local_time('messages.occurred_at', 'run_context.time_zone') }} as date)
            as occurred_on
    from messages
    cross join run_context

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
    coalesce(user_contacts.contact_id, localised.user_key) as contact_id,
    coalesce(hosts.vertical, user_contacts.vertical, only_vertical.vertical) as vertical,
    localised.page_host,
    localised.page_path,
    localised.referrer_host,
    localised.utm_source,
    localised.utm_medium,
    localised.utm_campaign,
    localised.utm_term,
    localised.utm_content,
    localised.locale,
    localised.order_id,
    localised.revenue,
    localised.currency,
    {{ to_base('localised.revenue', 'localised.currency', 'localised.base_currency', 'fx.rate') }}
        as revenue_base
from localised
left join user_contacts on localised.user_key = user_contacts.user_key
left join hosts on localised.page_host = hosts.host
left join only_vertical on true
left join {{ ref('int_fx_rates_daily') }} as fx
    on localised.currency = fx.currency and localised.occurred_on = fx.valid_on
