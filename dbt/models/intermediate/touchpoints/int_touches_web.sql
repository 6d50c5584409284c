{{ config(materialized='view') }}

-- Sessions, track events that are touches of their own, and the first view of each content page in
-- a session. A page whose content the same session tells of by an event is not counted twice.
with sessions as (

    select * from {{ ref('fct_sessions') }}

),

ad_channels as (

    select parameter_key as channel from ({{ parameter_rows('ad_channels') }}) as channels

),

settings as (

    select
        cast({{ json_text('value', 'full_depth_page_views') }} as integer)
            as full_depth_page_views
    from ({{ parameter_rows('touch_settings') }}) as found

),

named as (

    select * from {{ ref('int_touch_events') }}

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
    left join {{ ref('int_sessions') }} as numbered
        on
            event_sessions.visitor_number = numbered.visitor_number
            and event_sessions.session_start_us = numbered.session_start_us
    left join sessions on numbered.session_id = sessions.session_id
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
left join ad_channels on sessions.channel = ad_channels.channel
cross join settings
