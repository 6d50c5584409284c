-- One row per message of something done on a device: pages and screens, and what else a browser
-- or app tells of itself. A track or identify counts where it names its device and shows a page
-- or a user agent, unless a server's or a mail tool's library sent it.
with messages as (

    select * from {{ ref('stg_events__messages') }}

),

excluded_libraries as (

    select parameter_key as library_name
    from ({{ parameter_rows('session_excluded_libraries') }}) as excluded

),

key_events as (

    select parameter_key as event
    from ({{ parameter_rows('session_key_events') }}) as events

),

click_ids as (

    select
        parameter_key as click_id_name,
        position
    from ({{ parameter_rows('click_ids') }}) as names

),

sites as (

    select * from {{ ref('stg_marketing__channel_sites') }}

),

hosts as (

    select host from {{ ref('stg_marketing__vertical_hosts') }}

),

interactions as (

    select
        messages.*,
        key_events.event is not null as is_key_event
    from messages
    left join excluded_libraries on messages.library_name = excluded_libraries.library_name
    left join key_events on messages.event = key_events.event
    where
        (
            messages.message_type in ('page', 'screen')
            and coalesce(messages.anonymous_key, messages.user_key) is not null
        )
        or (
            messages.message_type in ('track', 'identify')
            and messages.anonymous_key is not null
            and coalesce(messages.page_host, messages.user_agent) is not null
            and excluded_libraries.library_name is null
        )

),

clicked as (

    select
        interactions.message_id,
        min_by(click_ids.click_id_name, click_ids.position) as click_id_name
    from interactions
    cross join click_ids
    where contains('&' || interactions.page_query, '&' || click_ids.click_id_name || '=')
    group by interactions.message_id

),

-- Sites that are no source: our own, and what a visitor only passes through.
own_sites as (

    select distinct interactions.referrer_host
    from interactions
    inner join sites
        on sites.kind = 'own' and {{ is_at_site('interactions.referrer_host', 'sites') }}
    union
    select host from hosts

),

sourced as (

    select
        interactions.*,
        nullif(lower(trim(interactions.utm_source)), '') as source,
        nullif(lower(trim(interactions.utm_medium)), '') as medium,
        nullif(trim(interactions.utm_campaign), '') as campaign,
        clicked.click_id_name,
        case
            when
                own_sites.referrer_host is null
                and coalesce(interactions.referrer_host != interactions.page_host, true)
                then interactions.referrer_host
        end as outside_host
    from interactions
    left join clicked on interactions.message_id = clicked.message_id
    left join own_sites on interactions.referrer_host = own_sites.referrer_host

)

select
    message_id,
    coalesce(anonymous_key, user_key) as visitor_key,
    {{ number_of('coalesce(anonymous_key, user_key)') }} as visitor_number,
    user_key,
    anonymous_key,
    message_type in ('page', 'screen') as is_view,
    is_key_event,
    occurred_at,
    page_host,
    page_path,
    user_agent,
    ip,
    source,
    medium,
    campaign,
    click_id_name,
    outside_host as referrer_host,
    case
        when coalesce(source, medium, campaign, click_id_name, outside_host) is not null
            then {{ key_of(['source', 'medium', 'campaign', 'click_id_name', 'outside_host']) }}
    end as source_key
from sourced
