-- One row per message. Paths and hosts lose their query, which may carry an address.
select
    message_id,
    type as message_type,
    event,
    name as page_name,
    user_id,
    user_key,
    anonymous_key,
    occurred_at,
    known_at,
    lower(page_host) as page_host,
    {{ text_before(text_before('page_path', '?'), '#') }} as page_path,
    {{ host_of('page_referrer') }} as referrer_host,
    utm_source,
    utm_medium,
    utm_campaign,
    utm_term,
    utm_content,
    locale,
    order_id,
    revenue,
    currency
from {{ source('lake', 'events') }}
