-- The strongest sign that a machine made a session: its user agent, its address or its pace.
with profiles as (

    select * from {{ ref('int_session_profiles') }}

),

signs as (

    select
        profiles.session_id,
        profiles.visitor_number,
        profiles.session_start_us,
        agents.actor_rule,
        agents.confidence
    from profiles
    inner join {{ ref('int_agent_rules') }} as agents
        on profiles.user_agent = agents.user_agent and agents.actor_action = 'visit'
    union all
    select
        profiles.session_id,
        profiles.visitor_number,
        profiles.session_start_us,
        addresses.actor_rule,
        addresses.confidence
    from profiles
    inner join {{ ref('int_address_rules') }} as addresses on profiles.ip = addresses.ip
    union all
    select
        profiles.session_id,
        profiles.visitor_number,
        profiles.session_start_us,
        pace.actor_rule,
        pace.confidence
    from profiles
    inner join {{ ref('stg_marketing__actor_timing') }} as pace
        on
            pace.actor_rule = 'pages_at_once'
            and profiles.page_views >= pace.page_views
            and {{ seconds_between('profiles.first_view_at', 'profiles.last_view_at') }}
            < pace.seconds * (profiles.page_views - 1)

),

strongest as (

    select *
    from signs
    qualify row_number() over (
        partition by session_id order by confidence desc, actor_rule asc
    ) = 1

)

select
    strongest.session_id,
    strongest.visitor_number,
    strongest.session_start_us,
    {{ actor_class('strongest.confidence', 'settings') }} as actor_class,
    strongest.actor_rule,
    strongest.confidence as actor_confidence
from strongest
cross join {{ ref('stg_marketing__actor_settings') }} as settings
