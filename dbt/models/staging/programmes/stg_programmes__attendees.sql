-- The version in force of each attendee of an event, and of each calendar entry (no address).
with attendees as (

    select
        *,
        min(known_at) over (partition by event_key, email_key) as first_known_at
    from {{ source('lake', 'attendees') }}
    qualify row_number() over (
        partition by event_key, email_key
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    event_key,
    event_name,
    event_type,
    vertical,
    starts_on,
    ends_on,
    city,
    email_key,
    status,
    known_at,
    first_known_at,
    email_key is null as is_calendar_entry
from attendees
