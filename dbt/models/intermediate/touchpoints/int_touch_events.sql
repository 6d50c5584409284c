{{ config(materialized='view') }}

-- Track events that are touches of their own, and views of the content library's pages.
with touch_types as (

    select * from {{ ref('stg_marketing__touch_types') }}

),

pages as (

    select
        lower(
            {{ text_before(text_before("split_part(url, '://', 2)", '?'), '#') }}
        ) as page,
        min(content_id) as content_id
    from {{ ref('stg_content__items') }}
    where url is not null
    group by 1

),

-- What the message says of how deep it went, where its kind is one that may say so.
told as (

    select
        messages.message_id,
        {{ told_depth(
            json_text_by('messages.properties', 'touch_events.depth_property'),
            'touch_events.depth_scale', 'touch_types.depth'
        ) }} as depth
    from {{ ref('stg_events__messages') }} as messages
    inner join {{ ref('stg_marketing__touch_events') }} as touch_events
        on messages.event = touch_events.event
    inner join touch_types on touch_events.touch_type = touch_types.touch_type
    where messages.message_type = 'track' and touch_events.depth_property is not null

)

{% set said = [
    'message_id', 'occurred_at', 'occurred_on', 'contact_id', 'anonymous_key', 'user_key',
    'vertical', 'actor_class'
] -%}
select
    {% for column in said -%}
    events.{{ column }},
    {% endfor -%}
    touch_events.touch_type,
    events.content_id,
    events.programme_key,
    coalesce(told.depth, touch_types.depth) as depth,
    touch_types.channel
from {{ ref('fct_events') }} as events
inner join {{ ref('stg_marketing__touch_events') }} as touch_events
    on events.event = touch_events.event
inner join touch_types on touch_events.touch_type = touch_types.touch_type
left join told on events.message_id = told.message_id
where events.message_type = 'track'
union all
select
    {% for column in said -%}
    events.{{ column }},
    {% endfor -%}
    'content_view' as touch_type,
    pages.content_id,
    null as programme_key,
    touch_types.depth,
    touch_types.channel
from {{ ref('fct_events') }} as events
inner join pages on lower(events.page_host || events.page_path) = pages.page
inner join touch_types on touch_types.touch_type = 'content_view'
where events.message_type in ('page', 'screen')
