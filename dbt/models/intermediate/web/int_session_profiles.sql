-- Whose each session is, where it went and where it came from.
with sessions as (

    select * from {{ ref('int_sessions') }}

),

interactions as (

    select * from {{ ref('int_interactions') }}

),

traffic_sources as (

    select * from {{ ref('int_traffic_sources') }}

),

visitor_contacts as (

    select
        identifier_type,
        identifier_key,
        contact_id
    from {{ ref('int_identity_members') }}
    where contact_id is not null

),

contacts as (

    select
        contact_id,
        vertical
    from {{ ref('int_contacts') }}

),

hosts as (

    select * from {{ ref('stg_marketing__vertical_hosts') }}

),

only_vertical as (

    {{ only_vertical() }}

),

-- The one user seen in a session counts before what is known of the device; of two, neither does.
owned as (

    select
        sessions.*,
        case
            when sessions.first_user_key = sessions.last_user_key then users.contact_id
            when sessions.first_user_key is null then devices.contact_id
        end as contact_id
    from sessions
    left join visitor_contacts as users
        on
            sessions.first_user_key = users.identifier_key
            and users.identifier_type = 'user_id'
    left join visitor_contacts as devices
        on
            sessions.anonymous_key = devices.identifier_key
            and devices.identifier_type = 'anonymous_id'

)

select
    owned.session_id,
    owned.visitor_number,
    owned.session_start_us,
    owned.visitor_key,
    owned.contact_id,
    owned.started_at,
    owned.ended_at,
    owned.events,
    owned.page_views,
    owned.key_events,
    owned.first_view_at,
    owned.last_view_at,
    coalesce(hosts.vertical, contacts.vertical, only_vertical.vertical) as vertical,
    landing.page_host as landing_host,
    landing.page_path as landing_path,
    exits.page_path as exit_path,
    landing.user_agent,
    landing.ip,
    traffic_sources.channel,
    traffic_sources.channel_rule,
    traffic_sources.source,
    traffic_sources.medium,
    traffic_sources.campaign,
    traffic_sources.click_id_name,
    traffic_sources.referrer_host,
    coalesce(owned.contact_id, owned.visitor_key) as person_key
from owned
inner join interactions as landing on owned.landing_message_id = landing.message_id
inner join interactions as exits on owned.exit_message_id = exits.message_id
left join interactions as sourced on owned.source_message_id = sourced.message_id
inner join traffic_sources
    on coalesce(sourced.source_key, '{{ no_source() }}') = traffic_sources.source_key
left join contacts on owned.contact_id = contacts.contact_id
left join hosts on landing.page_host = hosts.host
left join only_vertical on true
