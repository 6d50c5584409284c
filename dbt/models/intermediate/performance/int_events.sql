{{ config(materialized='view') }}

-- One row per congress, salon or webinar: the calendar entry, or where there is none what the
-- attendees' list says.
with attendees as (

    select * from {{ ref('stg_programmes__attendees') }}

)

select
    event_key,
    event_name,
    event_type,
    coalesce(vertical, 'unassigned') as vertical,
    starts_on,
    greatest(coalesce(ends_on, starts_on), starts_on) as ends_on,
    city
from attendees
where event_key is not null
qualify row_number() over (
    partition by event_key order by is_calendar_entry desc, known_at desc, email_key desc
) = 1
