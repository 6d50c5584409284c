-- The version in force of each ticket. The assignee is only for finding the CRM owner.
with tickets as (

    select *
    from {{ source('lake', 'support_tickets') }}
    qualify row_number() over (
        partition by source, ticket_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    source,
    ticket_id,
    status,
    priority,
    category,
    channel,
    vertical,
    email_key,
    user_key,
    lower(trim(assignee)) as assignee,
    created_at,
    first_reply_at,
    closed_at,
    rating,
    known_at
from tickets
