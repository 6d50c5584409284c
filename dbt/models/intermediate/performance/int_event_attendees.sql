-- One row per event and person on its list, with the contact and account it is. An address that
-- several contacts carry stands for the CRM's, then the oldest.
with attendees as (

    select * from {{ ref('stg_programmes__attendees') }}
    where not is_calendar_entry

),

contacts as (

    select
        email_key,
        contact_id,
        account_id,
        created_at
    from {{ ref('int_contacts') }}
    where email_key is not null
    qualify row_number() over (
        partition by email_key
        order by
            case when contact_source = 'crm' then 0 else 1 end,
            created_at nulls last,
            contact_id
    ) = 1

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

)

select
    attendees.event_key,
    attendees.email_key,
    attendees.status,
    coalesce(attendees.status in ('registered', 'attended', 'no_show'), false) as is_registered,
    coalesce(attendees.status = 'attended', false) as is_attended,
    contacts.contact_id,
    contacts.account_id,
    cast({{ local_time('attendees.first_known_at', 'reporting.time_zone') }} as date)
        as first_listed_on,
    cast({{ local_time('contacts.created_at', 'reporting.time_zone') }} as date)
        as contact_created_on
from attendees
cross join reporting
left join contacts on attendees.email_key = contacts.email_key
