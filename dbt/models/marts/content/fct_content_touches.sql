with events as (

    select * from {{ ref('fct_events') }}

),

actions as (

    select
        event,
        action
    from {{ ref('stg_marketing__content_actions') }}
    where action not in ('form', 'meeting')

),

named as (

    select * from {{ ref('stg_events__content_references') }}

),

links as (

    select
        message_id,
        {{ page_of('link') }} as page
    from {{ ref('stg_events__messages') }}
    where contains(link, '://')

),

items as (

    select * from {{ ref('dim_content') }}

),

-- Of several items at one address the first by id.
pages as (

    select
        {{ page_of('url') }} as page,
        min(content_id) as content_id
    from items
    where url is not null
    group by page

),

sessions as (

    select
        event_sessions.message_id,
        event_sessions.session_id,
        sessions.channel
    from {{ ref('int_event_sessions') }} as event_sessions
    inner join {{ ref('fct_sessions') }} as sessions
        on event_sessions.session_id = sessions.session_id

),

about_content as (

    select
        events.*,
        case when events.message_type = 'page' then 'view' else actions.action end as action,
        lower(events.page_host) || regexp_replace(events.page_path, '/+$', '') as page
    from events
    left join actions on events.event = actions.event
    where events.message_type = 'page' or actions.action is not null

),

placed as (

    select
        about_content.*,
        case
            when items.content_id is not null then 'content_id'
            when link_pages.content_id is not null then 'link'
            else 'page'
        end as matched_by,
        coalesce(items.content_id, link_pages.content_id, pages.content_id) as content_id
    from about_content
    left join named on about_content.message_id = named.message_id
    left join items on named.content_id = items.content_id
    left join links on about_content.message_id = links.message_id
    left join pages as link_pages on links.page = link_pages.page
    left join pages on about_content.page = pages.page

)

select
    placed.message_id as touch_id,
    placed.content_id,
    placed.action,
    placed.occurred_at,
    placed.occurred_on,
    placed.contact_id,
    sessions.session_id,
    coalesce(sessions.channel, case when placed.action = 'click' then 'email' end, 'unknown')
        as channel,
    placed.matched_by,
    placed.actor_class
from placed
left join sessions on placed.message_id = sessions.message_id
where placed.content_id is not null
