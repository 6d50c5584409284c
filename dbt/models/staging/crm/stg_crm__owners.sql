-- The version in force of each owner, those that left included: their activities stay.
with owners as (

    select *
    from {{ source('lake', 'crm_owners') }}
    qualify row_number() over (
        partition by crm_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    crm_id,
    lower(trim(email)) as email,
    email_key,
    first_name,
    last_name,
    user_id,
    team,
    coalesce(archived, false) as is_archived,
    created_at,
    known_at
from owners
