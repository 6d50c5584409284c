{{ config(materialized='view') }}

-- Sessions, track events that are touches of their own, and the first view of each content page in
-- a session. A page whose content the same session tells of by an event is not counted twice.
with sessions as (

    select * from {{ ref('fct_sessions') }}

),

touch_types as (

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

{% set said = [
    'message_id', 'occurred_at', 'occurred_on', 'contact_id', 'anonymous_key', 'user_key',
    'vertical', 'actor_class'
] -%}
named as (

    select
        {% for column in said -%}
        events.{{ column }},
        {% endfor -%}
        touch_events.touch_type,
        messages.content_id,
        messages.programme_key,
        {{ told_depth(
            json_text_by('messages.properties', 'touch_events.depth_property'),
            'touch_events.depth_scale', 'touch_types.depth'
        ) }} as depth,
        touch_types.channel
    from {{ ref('fct_events') }} as events
    inner join {{ ref('stg_marketing__touch_events') }} as touch_events
        on events.event = touch_events.event
    inner join {{ ref('stg_events__messages') }} as messages
        on events.message_id = messages.message_id
    inner join touch_types on touch_events.touch_type = touch_types.touch_type
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

),

sourced as (

    select
        named.touch_type,
        named.occurred_at,
        named.occurred_on,
        named.contact_id,
        coalesce(named.anonymous_key, named.user_key) as visitor_key,
        named.vertical,
        coalesce(sessions.channel, named.channel, 'unknown') as channel,
        coalesce(
            sessions.channel_rule, case when named.channel is not null then 'touch_type' end,
            'no_rule'
        ) as channel_rule,
        coalesce(sessions.campaign, named.programme_key) as campaign,
        named.content_id,
        named.actor_class,
        named.depth,
        named.message_id
    from named
    left join {{ ref('int_event_sessions') }} as event_sessions
        on named.message_id = event_sessions.message_id
    left join sessions on event_sessions.session_id = sessions.session_id
    qualify
        named.touch_type != 'content_view'
        or row_number() over (
            partition by coalesce(sessions.session_id, named.message_id), named.content_id
            order by
                case when named.touch_type = 'content_view' then 1 else 0 end,
                named.occurred_at,
                named.message_id
        ) = 1

)

select
    touch_type,
    occurred_at,
    occurred_on,
    contact_id,
    visitor_key,
    vertical,
    channel,
    channel_rule,
    campaign,
    content_id,
    actor_class,
    depth,
    'events' as source,
    message_id as source_id
from sourced
union all
select
    case when ad_channels.channel is null then 'session' else 'ad_click' end as touch_type,
    sessions.started_at as occurred_at,
    sessions.started_on as occurred_on,
    sessions.contact_id,
    sessions.visitor_key,
    sessions.vertical,
    sessions.channel,
    sessions.channel_rule,
    sessions.campaign,
    null as content_id,
    sessions.actor_class,
    least(1e0, {{ ratio('sessions.page_views', 'settings.full_depth_page_views') }}) as depth,
    'sessions' as source,
    sessions.session_id as source_id
from sessions
left join {{ ref('stg_marketing__ad_channels') }} as ad_channels
    on sessions.channel = ad_channels.channel
cross join {{ ref('stg_marketing__touch_settings') }} as settings
