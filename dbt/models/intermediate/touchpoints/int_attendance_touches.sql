{{ config(materialized='view') }}

-- Attendances of webinars, congresses and salons that only the lists tell of, at the start of the
-- day, since no more is known. One that the event stream told of too is left to it.
with told_attendances as (

    select distinct
        events.contact_id,
        events.programme_key
    from {{ ref('fct_events') }} as events
    inner join {{ ref('stg_marketing__touch_events') }} as touch_events
        on events.event = touch_events.event
    where touch_events.touch_type in ('webinar_attend', 'event_attend')

)

select
    case events.event_type when 'webinar' then 'webinar_attend' else 'event_attend' end
        as touch_type,
    cast(events.starts_on as timestamp) as occurred_at,
    events.starts_on as occurred_on,
    attendees.contact_id,
    nullif(events.vertical, 'unassigned') as vertical,
    'touch/' || events.event_type as source_key,
    attendees.event_key as campaign,
    'attendees' as source,
    attendees.event_key || '/' || attendees.email_key as source_id
from {{ ref('int_event_attendees') }} as attendees
inner join {{ ref('int_events') }} as events on attendees.event_key = events.event_key
left join told_attendances
    on
        attendees.contact_id = told_attendances.contact_id
        and attendees.event_key = told_attendances.programme_key
where attendees.is_attended and told_attendances.contact_id is null
