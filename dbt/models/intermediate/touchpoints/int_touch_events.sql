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
left join {{ ref('int_touch_depths') }} as told on events.message_id = told.message_id
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
