{{ config(meta={'month_column': 'occurred_on'}) }}

with events as (

    select * from {{ ref('fct_events') }}

)

select
    contact_id,
    occurred_on,
    message_type,
    coalesce(event, '') as event,
    coalesce(vertical, '') as vertical,
    count(*) as events,
    count(*) filter (where actor_class != 'machine') as human_events,
    min(occurred_at) as first_at,
    max(occurred_at) as last_at,
    sum(revenue_base) as revenue_base
from events
where contact_id is not null
group by contact_id, occurred_on, message_type, event, coalesce(vertical, '')
