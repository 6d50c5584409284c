-- Whom an organisation speaks for: everybody that something ties to it, and everybody whose address
-- is in the domain it names. Who leaves it is no longer held to what it says.
with companies as (

    select * from {{ ref('stg_crm__companies') }}

),

ties as (

    select * from {{ ref('account_contacts') }}

),

addresses as (

    select * from {{ ref('int_consent_addresses') }}

),

subjects as (

    select * from {{ ref('int_consent_subjects') }}
    where identifier_type = 'email'

),

members as (

    select
        'crm_company' as identifier_type,
        account_id as identifier_key,
        contact_id,
        account_id
    from ties
    union all
    select
        'domain' as identifier_type,
        {{ domain_key(plain_domain('companies.domain')) }} as identifier_key,
        ties.contact_id,
        ties.account_id
    from ties
    inner join companies on ties.account_id = companies.company_key
    where companies.domain is not null
    union all
    select
        'domain' as identifier_type,
        addresses.domain_key as identifier_key,
        subjects.contact_id,
        cast(null as varchar) as account_id
    from addresses
    inner join subjects on addresses.email_key = subjects.identifier_key

)

select
    identifier_type,
    identifier_key,
    contact_id,
    min(account_id) as account_id
from members
group by identifier_type, identifier_key, contact_id
