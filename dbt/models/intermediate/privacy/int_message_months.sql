-- When people did something in a month, by who and on which device the messages say. A delivery, an
-- open or a bounce is none of their doing.
with passive as (

    select event
    from {{ ref('stg_marketing__consent_mail_events') }}
    where is_passive

)

select
    events.user_key,
    events.anonymous_key,
    {{ month_of('events.occurred_at') }} as month,
    min(events.occurred_at) as first_at,
    max(events.occurred_at) as last_at
from {{ ref('stg_events__messages') }} as events
left join passive on events.event = passive.event
where events.occurred_at is not null and passive.event is null
group by
    events.user_key,
    events.anonymous_key,
    {{ month_of('events.occurred_at') }}
