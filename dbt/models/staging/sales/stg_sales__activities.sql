-- The version in force of each activity. The owner's address and the profile identify people:
-- they serve to tell activities apart and to find the CRM owner.
with activities as (

    select *
    from {{ source('lake', 'sales_activities') }}
    qualify row_number() over (
        partition by source, owner_email, activity_type, profile_url, occurred_at
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    source,
    activity_type,
    owner_email,
    profile_url,
    email_key,
    vertical,
    occurred_at,
    known_at
from activities
