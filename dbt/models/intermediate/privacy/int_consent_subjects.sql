-- Whose an identifier is, for consent only: what is said about an identifier counts for everybody
-- who has it. The only place of the privacy models that knows how contacts are identified.
with contacts as (

    select * from {{ ref('int_contacts') }}

),

merges as (

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
    inner join merges on versions.crm_id = merges.merged_crm_id
    inner join contacts as survivors on merges.surviving_crm_id = survivors.crm_id

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

identifiers as (

    {% for type, column in [
        ('crm_contact', 'contact_key'),
        ('user_id', 'user_key'),
        ('external_id', 'external_key'),
        ('email', 'email_key'),
        ('phone', 'phone_key'),
    ] %}
    select
        '{{ type }}' as identifier_type,
        {{ column }} as identifier_key,
        contact_id
    from people
    where {{ column }} is not null
    {% if not loop.last %}union{% endif %}
    {% endfor %}
)

select * from identifiers
