with submissions as (

    select * from {{ ref('stg_forms__submissions') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

)

select
    submissions.source,
    submissions.submission_id,
    submissions.form_id,
    submissions.form_name,
    coalesce(submissions.vertical, contacts.vertical) as vertical,
    submissions.email_key,
    contacts.contact_id,
    contacts.account_id,
    submissions.phone_key,
    submissions.page_host,
    submissions.page_path,
    submissions.utm_source,
    submissions.utm_medium,
    submissions.utm_campaign,
    submissions.occurred_at,
    cast({{ local_time('submissions.occurred_at', 'reporting.time_zone') }} as date)
        as occurred_on,
    submissions.known_at
from submissions
cross join reporting
left join {{ ref('int_identity_members') }} as members
    on submissions.email_key = members.identifier_key
left join {{ ref('int_contacts') }} as contacts on members.contact_id = contacts.contact_id
