-- The version in force of each contact moved in from an old tool.
with imported_contacts as (

    select *
    from {{ source('lake', 'imported_contacts') }}
    qualify row_number() over (
        partition by external_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    external_id,
    external_key,
    email,
    email_key,
    phone,
    phone_key,
    first_name,
    last_name,
    organisation,
    job_title,
    vertical,
    country,
    language,
    created_at,
    known_at
from imported_contacts
