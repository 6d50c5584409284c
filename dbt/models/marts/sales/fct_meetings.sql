with meetings as (

    select * from {{ ref('stg_sales__meetings') }}

),

owners as (

    select * from {{ ref('int_owners_by_email') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

)

select
    meetings.source,
    meetings.meeting_id,
    meetings.status,
    coalesce(meetings.vertical, contacts.vertical) as vertical,
    meetings.email_key,
    contacts.contact_id,
    contacts.account_id,
    owners.owner_id,
    meetings.starts_at,
    cast({{ local_time('meetings.starts_at', 'reporting.time_zone') }} as date) as starts_on,
    meetings.ends_at,
    {{ seconds_between('meetings.starts_at', 'meetings.ends_at') }} / 60e0 as duration_minutes,
    meetings.created_at,
    meetings.canceled_at,
    meetings.utm_source,
    meetings.utm_medium,
    meetings.utm_campaign,
    meetings.known_at
from meetings
cross join reporting
left join owners on meetings.host_email = owners.email
left join {{ ref('int_identity_members') }} as members
    on meetings.email_key = members.identifier_key
left join {{ ref('int_contacts') }} as contacts on members.contact_id = contacts.contact_id
