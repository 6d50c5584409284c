with orders as (

    select *
    from {{ ref('fct_events') }}
    where message_type = 'track' and event = 'Order Completed'
    qualify row_number() over (
        partition by coalesce(order_id, message_id) order by occurred_at, message_id
    ) = 1

)

select
    coalesce(order_id, message_id) as order_id,
    message_id,
    contact_id,
    anonymous_key,
    vertical,
    occurred_at as ordered_at,
    occurred_on as ordered_on,
    known_at,
    revenue,
    currency,
    revenue_base,
    utm_source,
    utm_medium,
    utm_campaign
from orders
