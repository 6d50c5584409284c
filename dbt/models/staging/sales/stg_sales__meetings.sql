-- The version in force of each invitee of a meeting. The host's address is only for finding the
-- CRM owner.
with meetings as (

    select *
    from {{ source('lake', 'meetings') }}
    qualify row_number() over (
        partition by source, meeting_id
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    source,
    meeting_id,
    status,
    vertical,
    email_key,
    lower(trim(host_email)) as host_email,
    starts_at,
    ends_at,
    created_at,
    canceled_at,
    utm_source,
    utm_medium,
    utm_campaign,
    known_at
from meetings
