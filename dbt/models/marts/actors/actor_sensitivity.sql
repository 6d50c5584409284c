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
        members.identifier_key as person_key,
        contacts.vertical
    from {{ ref('int_identity_members') }} as members
    inner join {{ ref('int_contacts') }} as contacts on members.contact_id = contacts.contact_id

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

counted as (

    select
        {{ month_of(local_time('reactions.occurred_at', 'reporting.time_zone')) }} as month,
        person_verticals.vertical,
        case reactions.actor_action when 'open' then 'opens' else 'clicks' end as metric,
        coalesce(actors.actor_class, 'human') as actor_class
    from reactions
    cross join reporting
    left join actors
        on reactions.origin = actors.origin and reactions.reaction_id = actors.event_id
    left join person_verticals on reactions.person_key = person_verticals.person_key
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
