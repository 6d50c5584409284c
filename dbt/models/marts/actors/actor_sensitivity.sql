with reactions as (

    select * from {{ ref('int_mail_reactions') }}

),

sessions as (

    select * from {{ ref('fct_sessions') }}

),

actors as (

    select * from {{ ref('int_event_actors') }}

),

person_verticals as (

    select
        'events' as origin,
        user_key as person_key,
        vertical
    from {{ ref('int_user_contacts') }}
    union all
    select
        'webhooks' as origin,
        email_key as person_key,
        min(vertical) as vertical
    from {{ ref('int_contacts') }}
    where email_key is not null
    group by email_key
    having count(distinct vertical) = 1

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

counted as (

    select
        {{ month_of(local_time('reactions.occurred_at', 'run_context.time_zone')) }} as month,
        person_verticals.vertical,
        case reactions.actor_action when 'open' then 'opens' else 'clicks' end as metric,
        coalesce(actors.actor_class, 'human') as actor_class
    from reactions
    cross join run_context
    left join actors
        on reactions.origin = actors.origin and reactions.reaction_id = actors.event_id
    left join person_verticals
        on
            reactions.origin = person_verticals.origin
            and reactions.person_key = person_verticals.person_key
    union all
    select
        {{ month_of('started_on') }} as month,
        vertical,
        'sessions' as metric,
        actor_class
    from sessions

)

select
    month,
    coalesce(vertical, 'unknown') as vertical,
    metric,
    count(*) filter (where actor_class = 'human') as human,
    count(*) filter (where actor_class = 'unsure') as unsure,
    count(*) filter (where actor_class = 'machine') as machine,
    count(*) as total
from counted
group by month, coalesce(vertical, 'unknown'), metric
