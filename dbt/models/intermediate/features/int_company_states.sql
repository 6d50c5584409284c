-- Every version of each organisation, in force from when it was known until the next one was.
with versions as (

    select
        *,
        {{ superseded_at(['crm_id']) }}
    from {{ source('lake', 'crm_companies') }}

)

select
    crm_id,
    company_key as account_id,
    account_type,
    lifecycle_stage,
    employees,
    population,
    known_at,
    superseded_at
from versions
where not coalesce(archived, false)
