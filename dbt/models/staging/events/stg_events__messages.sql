-- One row per message. Paths and hosts lose their query, which may carry an address; so may paths
-- and tags themselves. The query, user agent and address of the device stay below the marts.
select
    message_id,
    type as message_type,
    event,
    name as page_name,
    user_id,
    user_key,
    anonymous_key,
    company_key,
    previous_user_key,
    previous_anonymous_key,
    email_key,
    phone_key,
    {% for name in ['email', 'phone'] -%}
    coalesce(
        nullif({{ json_text('traits', name) }}, ''),
        {{ json_text(json_text('context', 'traits'), name) }}
    ) as stated_{{ name }},
    {% endfor -%}
    occurred_at,
    known_at,
    lower(page_host) as page_host,
    {{ without_addresses(text_before(text_before('page_path', '?'), '#')) }} as page_path,
    {{ host_of('page_referrer') }} as referrer_host,
    coalesce(
        nullif(utm_source, ''),
        case
            when contains(page_url, 'utm_source=')
                then {{ query_value(query_of('page_url'), 'utm_source') }}
        end
    ) as utm_source,
    coalesce(
        nullif(utm_medium, ''),
        case
            when contains(page_url, 'utm_medium=')
                then {{ query_value(query_of('page_url'), 'utm_medium') }}
        end
    ) as utm_medium,
    coalesce(
        nullif(utm_campaign, ''),
        case
            when contains(page_url, 'utm_campaign=')
                then {{ query_value(query_of('page_url'), 'utm_campaign') }}
        end
    ) as utm_campaign,
    {{ without_addresses('utm_term') }} as utm_term,
    {{ without_addresses('utm_content') }} as utm_content,
    locale,
    order_id,
    revenue,
    currency,
    {{ query_of('page_url') }} as page_query,
    user_agent,
    ip,
    {{ json_text(json_text('context', 'library'), 'name') }} as library_name,
    coalesce(
        {{ json_text('properties', 'send_id') }}, {{ json_text('properties', 'email_id') }}
    ) as send_id,
    coalesce(
        {{ json_text('properties', 'link') }},
        {{ json_text('properties', 'link_id') }},
        {{ json_text('properties', 'link_url') }}
    ) as link,
    {{ json_text('properties', 'mailing_id') }} as mailing_id,
    {{ json_text('properties', 'content_id') }} as content_id,
    {{ json_text('properties', 'event_key') }} as programme_key,
    properties
from {{ source('lake', 'events') }}
