{{ config(materialized='view') }}

-- One row per contact and day with a meeting that took place or is to: booked in a tool or logged
-- in the CRM. One meeting that both know counts once.
with reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

people as (

    select distinct
        email_key,
        contact_id
    from {{ ref('int_event_attendees') }}
    where contact_id is not null

)

select
    people.contact_id,
    meetings.starts_on as met_on
from {{ ref('fct_meetings') }} as meetings
inner join people on meetings.email_key = people.email_key
where meetings.status in ('scheduled', 'held') and meetings.starts_on is not null
union
select
    activities.contact_id,
    cast({{ local_time(
        'coalesce(activities.due_at, activities.created_at)', 'reporting.time_zone'
    ) }} as date) as met_on
from {{ ref('fct_crm_activities') }} as activities
cross join reporting
where
    activities.activity_type = 'meeting'
    and coalesce(activities.status <> 'canceled', true)
    and activities.contact_id is not null
