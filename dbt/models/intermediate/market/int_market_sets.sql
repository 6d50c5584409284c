{{ config(materialized='view') }}

-- One row per source and organisation that some rule of market.yml holds for, with the segments
-- whose rules do: of the public organisations of reference, those counted there; of the CRM's
-- accounts, all counted there and those that were reached.
with segments as (

    select * from {{ ref('stg_marketing__market_segments') }}

),

rules as (

    select
        rules.*,
        segments.vertical,
        segments.position,
        segments.counted_in
    from {{ ref('stg_marketing__market_rules') }} as rules
    inner join segments on rules.segment = segments.segment

),

-- Accounts with a contact that the rule asks for.
known_people as (

    select distinct
        rules.segment,
        account_contacts.account_id
    from rules
    inner join {{ ref('dim_contacts') }} as contacts on rules.contact_role = contacts.role
    inner join {{ ref('account_contacts') }} as account_contacts
        on contacts.contact_id = account_contacts.contact_id
    left join {{ ref('stg_crm__contacts') }} as crm on contacts.contact_key = crm.contact_key
    where
        rules.contact_property is null
        or {{ in_range(
            number_in('crm.properties', 'rules.contact_property'),
            'rules.contact_from', 'rules.contact_below'
        ) }}

),

organisations as (

    select
        'reference' as source,
        level || ':' || code as organisation_id,
        level as organisation_type,
        population,
        region_code,
        cast(null as varchar) as properties,
        cast(null as varchar) as vertical,
        false as is_customer,
        false as is_reached
    from {{ ref('stg_reference__organisations') }}
    union all
    select
        'crm' as source,
        accounts.account_id as organisation_id,
        coalesce(accounts.reference_level, accounts.account_type) as organisation_type,
        accounts.population,
        accounts.region_code,
        details.properties,
        accounts.vertical,
        accounts.is_customer,
        accounts.contacts > 0 or accounts.is_customer as is_reached
    from {{ ref('dim_accounts') }} as accounts
    left join {{ ref('int_company_details') }} as details on accounts.crm_id = details.crm_id

)

select
    organisations.source,
    organisations.organisation_id,
    organisations.is_customer,
    organisations.is_reached,
    string_agg(rules.segment, ',' order by rules.position) as segments
from organisations
inner join rules
    on
        organisations.organisation_type = rules.organisation_type
        and (organisations.source = 'crm' or rules.counted_in = 'reference')
        and (organisations.is_reached or organisations.source = rules.counted_in)
        and coalesce(organisations.vertical, rules.vertical) = rules.vertical
        and {{ in_range(
            'organisations.population', 'rules.population_from', 'rules.population_below'
        ) }}
        and (
            rules.regions is null
            or rules.regions like '%,' || organisations.region_code || ',%'
        )
        and (
            rules.property is null
            or {{ in_range(
                number_in('organisations.properties', 'rules.property'),
                'rules.property_from', 'rules.property_below'
            ) }}
        )
left join known_people
    on
        rules.segment = known_people.segment
        and organisations.organisation_id = known_people.account_id
where rules.contact_role is null or known_people.account_id is not null
group by
    organisations.source, organisations.organisation_id, organisations.is_customer,
    organisations.is_reached
