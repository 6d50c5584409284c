-- Whose an identifier is, for consent only: what is said about an identifier counts for everybody
-- who has it. The only place of the privacy models that knows how contacts are identified.
with contacts as (

    select * from {{ ref('int_contacts') }}

),

crm_merges as (

    select * from {{ ref('stg_crm__contact_merges') }}

),

-- A contact moved in from an old tool is the CRM contact of the same address, where there is one.
addresses as (

    select
        email_key,
        min(contact_id) as contact_id
    from contacts
    where contact_source = 'crm' and email_key is not null
    group by email_key

),

-- What is known of a contact that was merged away counts for the one it went into.
merged as (

    select distinct
        survivors.contact_id,
        versions.contact_key,
        versions.user_key,
        versions.email_key,
        versions.phone_key
    from {{ source('lake', 'crm_contacts') }} as versions
    inner join crm_merges on versions.crm_id = crm_merges.merged_crm_id
    inner join contacts as survivors on crm_merges.surviving_crm_id = survivors.crm_id

),

people as (

    select
        coalesce(addresses.contact_id, contacts.contact_id) as contact_id,
        contacts.contact_key,
        contacts.user_key,
        contacts.external_key,
        contacts.email_key,
        contacts.phone_key
    from contacts
    left join addresses
        on contacts.email_key = addresses.email_key and contacts.contact_source = 'import'
    union all
    select
        contact_id,
        contact_key,
        user_key,
        null as external_key,
        email_key,
        phone_key
    from merged

),

kinds as (

    select 'crm_contact' as identifier_type
    union all
    select 'user_id' as identifier_type
    union all
    select 'external_id' as identifier_type
    union all
    select 'email' as identifier_type
    union all
    select 'phone' as identifier_type

),

identifiers as (

    select
        kinds.identifier_type,
        case kinds.identifier_type
            when 'crm_contact' then people.contact_key
            when 'user_id' then people.user_key
            when 'external_id' then people.external_key
            when 'email' then people.email_key
            when 'phone' then people.phone_key
        end as identifier_key,
        people.contact_id
    from people
    cross join kinds

)

select distinct
    identifier_type,
    identifier_key,
    contact_id
from identifiers
where identifier_key is not null
