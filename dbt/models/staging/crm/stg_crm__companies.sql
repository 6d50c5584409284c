-- The version in force of each company; deleted ones left out.
with companies as (

    select *
    from {{ source('lake', 'crm_companies') }}
    qualify row_number() over (
        partition by crm_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    crm_id,
    company_key,
    created_at,
    known_at,
    name,
    domain,
    vertical,
    account_type,
    siren,
    insee_code,
    population,
    employees,
    country,
    city,
    postal_code,
    owner_id,
    lifecycle_stage,
    landing_file,
    landing_line
from companies
where not coalesce(archived, false)
