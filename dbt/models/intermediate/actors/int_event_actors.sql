-- Who did what: the strongest sign that speaks of each open, click and interaction. What no rule
-- speaks of was done by a human and has no row.
with reactions as (

    select * from {{ ref('int_mail_reactions') }}

),

signs as (

    select
        reactions.origin,
        reactions.reaction_id as event_id,
        agents.actor_rule,
        agents.confidence
    from reactions
    inner join {{ ref('int_agent_rules') }} as agents
        on
            reactions.user_agent = agents.user_agent
            and reactions.actor_action = agents.actor_action
    union all
    select
        reactions.origin,
        reactions.reaction_id as event_id,
        addresses.actor_rule,
        addresses.confidence
    from reactions
    inner join {{ ref('int_address_rules') }} as addresses on reactions.ip = addresses.ip
    union all
    select
        origin,
        reaction_id as event_id,
        actor_rule,
        confidence
    from {{ ref('int_mail_timing') }}
    union all
    select
        'events' as origin,
        event_sessions.message_id as event_id,
        session_actors.actor_rule,
        session_actors.actor_confidence as confidence
    from {{ ref('int_event_sessions') }} as event_sessions
    inner join {{ ref('int_session_actors') }} as session_actors
        on
            event_sessions.visitor_number = session_actors.visitor_number
            and event_sessions.session_start_us = session_actors.session_start_us

),

strongest as (

    select *
    from signs
    qualify row_number() over (
        partition by origin, event_id order by confidence desc, actor_rule asc
    ) = 1

)

select
    strongest.origin,
    strongest.event_id,
    {{ actor_class('strongest.confidence', 'settings') }} as actor_class,
    strongest.actor_rule,
    strongest.confidence as actor_confidence
from strongest
cross join {{ ref('stg_marketing__actor_settings') }} as settings
