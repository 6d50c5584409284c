{{ config(materialized='view') }}

-- One row per contact and day with a meeting: in the calendar tool, in the CRM, or told by an event.
with run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

meeting_events as (

    select event
    from {{ ref('stg_marketing__content_actions') }}
    where action = 'meeting'

)

select
    contact_id,
    starts_on as met_on
from {{ ref('fct_meetings') }}
where contact_id is not null and starts_on is not null and status in ('scheduled', 'held')
union
select
    activities.contact_id,
    cast({{ local_time(
        'coalesce(activities.due_at, activities.created_at)', 'run_context.time_zone'
    ) }} as date) as met_on
from {{ ref('fct_crm_activities') }} as activities
cross join run_context
where
    activities.activity_type = 'meeting'
    and coalesce(activities.status <> 'canceled', true)
    and coalesce(activities.due_at, activities.created_at) is not null
    and activities.contact_id is not null
union
select
    events.contact_id,
    events.occurred_on as met_on
from {{ ref('fct_events') }} as events
inner join meeting_events on events.event = meeting_events.event
where events.contact_id is not null and events.actor_class is distinct from 'machine'
