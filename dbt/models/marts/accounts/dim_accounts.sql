with companies as (

    select
        companies.*,
        details.departement_code as crm_departement_code,
        details.region_code as crm_region_code
    from {{ ref('stg_crm__companies') }} as companies
    left join {{ ref('int_company_details') }} as details on companies.crm_id = details.crm_id

),

-- A SIREN or INSEE code may occur at several levels; the best match is the one with people in it.
reference_by_code as (

    select * from {{ ref('stg_reference__organisations') }}
    where level = 'commune'

),

reference_by_siren as (

    select * from {{ ref('stg_reference__organisations') }}
    where siren is not null
    qualify row_number() over (partition by siren order by level, code) = 1

),

-- Départements and régions have neither code in most CRMs: their own code tells them.
reference_by_level as (

    select * from {{ ref('stg_reference__organisations') }}
    where level in ('departement', 'region')

),

contact_counts as (

    select
        account_id,
        count(*) as contacts
    from {{ ref('int_contacts') }}
    where account_id is not null
    group by account_id

),

contract_facts as (

    select
        contracts.customer_id as account_id,
        min(contracts.starts_on) as first_contract_on,
        sum(
            case
                when
                    contracts.starts_on <= run_context.as_of_on
                    and coalesce(contracts.ends_on > run_context.as_of_on, true)
                    then contracts.mrr_base
            end
        ) as mrr_base
    from {{ ref('int_contracts') }} as contracts
    cross join {{ ref('stg_system__run_context') }} as run_context
    group by contracts.customer_id

)

select
    companies.company_key as account_id,
    companies.crm_id,
    companies.name,
    companies.domain,
    companies.vertical,
    companies.account_type,
    companies.siren,
    companies.insee_code,
    coalesce(reference_by_siren.level, reference_by_code.level, reference_by_level.level)
        as reference_level,
    coalesce(
        companies.population, reference_by_siren.population, reference_by_code.population,
        reference_by_level.population
    ) as population,
    companies.employees,
    companies.country,
    coalesce(
        reference_by_siren.region_code, reference_by_code.region_code,
        reference_by_level.region_code, companies.crm_region_code, departements.region_code
    ) as region_code,
    coalesce(
        reference_by_siren.departement_code, reference_by_code.departement_code,
        reference_by_level.departement_code, companies.crm_departement_code, departements.code
    ) as departement_code,
    companies.city,
    companies.postal_code,
    companies.lifecycle_stage,
    companies.created_at,
    coalesce(contact_counts.contacts, 0) as contacts,
    contract_facts.first_contract_on,
    coalesce(contract_facts.mrr_base, 0) > 0 as is_customer,
    cast(coalesce(contract_facts.mrr_base, 0) as decimal(18, 4)) as mrr_base
from companies
left join reference_by_siren on companies.siren = reference_by_siren.siren
left join reference_by_code on companies.insee_code = reference_by_code.code
left join reference_by_level
    on
        companies.account_type = reference_by_level.level
        and case companies.account_type
            when 'departement' then companies.crm_departement_code
            when 'region' then companies.crm_region_code
        end = reference_by_level.code
left join reference_by_level as departements
    on
        departements.level = 'departement'
        and coalesce(
            companies.crm_departement_code,
            {{ departement_of('companies.insee_code') }},
            case
                when lower(companies.country) in ('fr', 'fra', 'france')
                    then {{ departement_of('companies.postal_code') }}
            end
        ) = departements.code
left join contact_counts on companies.company_key = contact_counts.account_id
left join contract_facts on companies.company_key = contract_facts.account_id
