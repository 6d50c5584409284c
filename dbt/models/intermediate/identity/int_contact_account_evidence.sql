-- One row per contact, organisation and sighting of what ties them: a CRM association, a group
-- message, a SIREN, or an address in the organisation's domain where no other organisation has that
-- domain.
with companies as (

    select * from {{ ref('stg_crm__companies') }}

),

members as (

    select * from {{ ref('int_identity_members') }}
    where contact_id is not null

),

crm_contacts as (

    select
        contacts.*,
        members.contact_id
    from {{ ref('stg_crm__contacts') }} as contacts
    inner join members on contacts.contact_key = members.identifier_key

),

associations as (

    select
        from_id as contact_crm_id,
        to_id as company_crm_id
    from {{ ref('stg_crm__associations') }}
    where from_type = 'contacts' and to_type = 'companies'
    union
    select
        to_id as contact_crm_id,
        from_id as company_crm_id
    from {{ ref('stg_crm__associations') }}
    where from_type = 'companies' and to_type = 'contacts'

),

groups as (

    select * from {{ ref('int_company_groups') }}

),

domains as (

    select
        companies.domain,
        min(companies.company_key) as company_key
    from companies
    left join {{ ref('stg_marketing__public_mail_domains') }} as public_mail
        on companies.domain = public_mail.domain
    where companies.domain is not null and public_mail.domain is null
    group by companies.domain
    having count(*) = 1

),

sirens as (

    select
        siren,
        min(company_key) as company_key
    from companies
    where siren is not null
    group by siren
    having count(*) = 1

),

addresses as (

    select
        contact_id,
        email
    from crm_contacts
    where email is not null
    union
    select
        members.contact_id,
        imported.email
    from {{ ref('stg_privacy__imported_contacts') }} as imported
    inner join members on imported.external_key = members.identifier_key
    where imported.email is not null

)

select
    crm_contacts.contact_id,
    companies.company_key as account_id,
    'crm_primary' as evidence,
    1 as evidence_rank,
    crm_contacts.created_at
from crm_contacts
inner join companies on crm_contacts.company_crm_id = companies.crm_id
union all
select
    crm_contacts.contact_id,
    companies.company_key as account_id,
    'crm_association' as evidence,
    2 as evidence_rank,
    crm_contacts.created_at
from crm_contacts
inner join associations on crm_contacts.crm_id = associations.contact_crm_id
inner join companies on associations.company_crm_id = companies.crm_id
union all
select
    members.contact_id,
    companies.company_key as account_id,
    'group' as evidence,
    3 as evidence_rank,
    null as created_at
from groups
inner join members on groups.user_key = members.identifier_key
inner join companies on groups.company_key = companies.company_key
union all
select
    crm_contacts.contact_id,
    sirens.company_key as account_id,
    'siren' as evidence,
    4 as evidence_rank,
    crm_contacts.created_at
from crm_contacts
inner join sirens on {{ json_text('crm_contacts.properties', 'siren') }} = sirens.siren
union all
select
    addresses.contact_id,
    domains.company_key as account_id,
    'domain' as evidence,
    5 as evidence_rank,
    null as created_at
from addresses
inner join domains on split_part(addresses.email, '@', 2) = domains.domain
