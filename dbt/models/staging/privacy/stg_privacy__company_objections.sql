-- What the property marketing_objection of CRM companies says. Only a version that states it says
-- something; a company that never objected does not agree either.
with stated as (

    select
        crm_id,
        company_key,
        lower({{ json_text('properties', 'marketing_objection') }}) = 'true' as is_objecting,
        known_at,
        landing_file || ':' || cast(landing_line as varchar) as evidence_reference
    from {{ source('lake', 'crm_companies') }}
    where {{ json_text('properties', 'marketing_objection') }} <> ''
    -- Of versions with one time the stricter counts.
    qualify row_number() over (
        partition by crm_id, known_at
        order by
            lower({{ json_text('properties', 'marketing_objection') }}) = 'true' desc,
            landing_file desc,
            landing_line desc
    ) = 1

),

changes as (

    select
        *,
        lag(is_objecting, 1, false) over (partition by crm_id order by known_at) as was_objecting
    from stated

)

select
    crm_id,
    company_key,
    is_objecting,
    known_at,
    evidence_reference
from changes
where is_objecting <> was_objecting
