-- Only a version that states it says something: most leave the property out. A contact that was
-- never opted out is not opted in either.
with stated as (

    select
        crm_id,
        contact_key,
        email_key,
        lower({{ json_text('properties', 'hs_email_optout') }}) = 'true' as is_opted_out,
        known_at,
        landing_file || ':' || cast(landing_line as varchar) as evidence_reference
    from {{ source('lake', 'crm_contacts') }}
    where {{ json_text('properties', 'hs_email_optout') }} <> ''
    -- Of versions with one time the stricter counts.
    qualify row_number() over (
        partition by crm_id, known_at
        order by
            lower({{ json_text('properties', 'hs_email_optout') }}) = 'true' desc,
            landing_file desc,
            landing_line desc
    ) = 1

),

changes as (

    select
        *,
        lag(is_opted_out, 1, false) over (partition by crm_id order by known_at) as was_opted_out
    from stated

)

select
    crm_id,
    contact_key,
    email_key,
    is_opted_out,
    known_at,
    evidence_reference
from changes
where is_opted_out <> was_opted_out
