-- What the user agents that were seen say of who acted. Patterns are tried once an agent, however
-- many messages name it. A missing user agent says nothing, an empty one something.
with agents as (

    select user_agent from {{ ref('int_interactions') }} where user_agent is not null
    union
    select user_agent from {{ ref('int_mail_reactions') }} where user_agent is not null

),

rules as (

    select * from {{ ref('stg_marketing__actor_agents') }}

),

matched as (

    select
        agents.user_agent,
        rules.actor_rule,
        rules.confidence,
        rules.is_visit,
        rules.is_open,
        rules.is_click
    from agents
    inner join rules on {{ matches('lower(trim(agents.user_agent))', 'rules.agent_pattern') }}

),

by_action as (

    select
        user_agent,
        'visit' as actor_action,
        actor_rule,
        confidence
    from matched
    where is_visit
    union all
    select
        user_agent,
        'open' as actor_action,
        actor_rule,
        confidence
    from matched
    where is_open
    union all
    select
        user_agent,
        'click' as actor_action,
        actor_rule,
        confidence
    from matched
    where is_click

)

select
    user_agent,
    actor_action,
    actor_rule,
    confidence
from by_action
qualify row_number() over (
    partition by user_agent, actor_action order by confidence desc, actor_rule asc
) = 1
