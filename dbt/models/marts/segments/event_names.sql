with events as (

    select * from {{ ref('fct_events') }}

)

select
    message_type,
    coalesce(event, '') as event,
    count(*) as events,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at
from events
group by message_type, coalesce(event, '')
