-- What the CRM says beyond its usual fields, of the companies where that is asked for: those that
-- no public code places, and those of a type that some market rule wants a property of. Most need
-- none of it, and the properties are long.
with companies as (

    select
        companies.crm_id,
        companies.landing_file,
        companies.landing_line
    from {{ ref('stg_crm__companies') }} as companies
    left join (
        select distinct organisation_type
        from {{ ref('stg_marketing__market_rules') }}
        where property is not null
    ) as asked
        on companies.account_type = asked.organisation_type
    where
        (companies.siren is null and companies.insee_code is null)
        or asked.organisation_type is not null

)

select
    companies.crm_id,
    {{ json_text('versions.properties', 'departement_code') }} as departement_code,
    {{ json_text('versions.properties', 'region_code') }} as region_code,
    versions.properties
from companies
inner join {{ source('lake', 'crm_companies') }} as versions
    on
        companies.crm_id = versions.crm_id
        and companies.landing_file = versions.landing_file
        and companies.landing_line = versions.landing_line
