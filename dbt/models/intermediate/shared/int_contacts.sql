-- One row per contact: what the sources say of the person behind its identifiers. Of several CRM
-- contacts the oldest speaks first, and the others where it is silent. No direct identifier.
with members as (

    select * from {{ ref('int_identity_members') }}
    where contact_id is not null

),

crm as (

    select
        members.contact_id,
        contacts.*,
        companies.vertical as company_vertical
    from {{ ref('stg_crm__contacts') }} as contacts
    inner join members on contacts.contact_key = members.identifier_key
    left join {{ ref('stg_crm__companies') }} as companies
        on contacts.company_crm_id = companies.crm_id

),

crm_facts as (

    {% set said = [
        'user_key', 'email_key', 'phone_key', 'vertical', 'company_vertical', 'role',
        'lifecycle_stage', 'country', 'language', 'lead_source'
    ] -%}
    select
        contact_id,
        contact_key,
        crm_id,
        created_at,
        {% for column in said -%}
        coalesce({{ column }}, min({{ column }}) over (partition by contact_id)) as {{ column }},
        {% endfor -%}
        count(*) over (partition by contact_id) as crm_contacts
    from crm
    qualify row_number() over (partition by contact_id order by created_at, crm_id) = 1

),

imported as (

    select
        members.contact_id,
        contacts.*
    from {{ ref('stg_privacy__imported_contacts') }} as contacts
    inner join members on contacts.external_key = members.identifier_key
    qualify row_number() over (
        partition by members.contact_id order by contacts.created_at, contacts.external_key
    ) = 1

),

held as (

    select
        members.contact_id,
        min(case when members.identifier_type = 'user_id' then members.identifier_key end)
            as user_key,
        min(case when members.identifier_type = 'email' then members.identifier_key end)
            as email_key,
        min(case when members.identifier_type = 'phone' then members.identifier_key end)
            as phone_key,
        min(identifiers.first_seen_at) as first_seen_at,
        count(*) as identifiers
    from members
    inner join {{ ref('int_identity_identifiers') }} as identifiers
        on members.identifier_key = identifiers.identifier_key
    group by members.contact_id

),

accounts as (

    select * from {{ ref('account_contacts') }}
    where is_primary

)

select
    held.contact_id,
    case
        when crm_facts.contact_id is not null then 'crm'
        when held.user_key is not null then 'user'
        when imported.contact_id is not null then 'import'
        else 'address'
    end as contact_source,
    crm_facts.contact_key,
    coalesce(crm_facts.user_key, held.user_key) as user_key,
    imported.external_key,
    coalesce(crm_facts.email_key, imported.email_key, held.email_key) as email_key,
    coalesce(crm_facts.phone_key, imported.phone_key, held.phone_key) as phone_key,
    accounts.account_id,
    accounts.evidence as account_evidence,
    coalesce(crm_facts.vertical, crm_facts.company_vertical, imported.vertical, companies.vertical)
        as vertical,
    crm_facts.role,
    crm_facts.lifecycle_stage,
    coalesce(crm_facts.country, imported.country) as country,
    coalesce(crm_facts.language, imported.language) as language,
    crm_facts.lead_source,
    coalesce(crm_facts.created_at, imported.created_at, held.first_seen_at) as created_at,
    crm_facts.crm_id,
    coalesce(crm_facts.crm_contacts, 0) as crm_contacts,
    held.identifiers
from held
left join crm_facts on held.contact_id = crm_facts.contact_id
left join imported on held.contact_id = imported.contact_id
left join accounts on held.contact_id = accounts.contact_id
left join {{ ref('stg_crm__companies') }} as companies
    on accounts.account_id = companies.company_key
