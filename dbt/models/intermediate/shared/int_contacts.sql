-- One row per CRM contact, per user id that no CRM contact carries, and per imported contact.
-- Identity resolution will merge them; until then each stands for itself. No direct identifier.
with contacts as (

    select * from {{ ref('stg_crm__contacts') }}

),

companies as (

    select * from {{ ref('stg_crm__companies') }}

),

event_users as (

    select
        user_key,
        min(occurred_at) as first_seen_at
    from {{ ref('stg_events__messages') }}
    where user_key is not null
    group by user_key

),

imported as (

    select * from {{ ref('stg_privacy__imported_contacts') }}

),

users_in_crm as (

    select distinct user_key from contacts where user_key is not null

)

select
    contacts.contact_key as contact_id,
    'crm' as contact_source,
    contacts.contact_key,
    contacts.user_key,
    cast(null as varchar) as external_key,
    contacts.email_key,
    contacts.phone_key,
    companies.company_key as account_id,
    coalesce(contacts.vertical, companies.vertical) as vertical,
    contacts.role,
    contacts.lifecycle_stage,
    contacts.country,
    contacts.language,
    contacts.lead_source,
    contacts.created_at,
    contacts.crm_id
from contacts
left join companies on contacts.company_crm_id = companies.crm_id
union all
select
    event_users.user_key as contact_id,
    'user' as contact_source,
    null as contact_key,
    event_users.user_key,
    null as external_key,
    null as email_key,
    null as phone_key,
    null as account_id,
    null as vertical,
    null as role,
    null as lifecycle_stage,
    null as country,
    null as language,
    null as lead_source,
    event_users.first_seen_at as created_at,
    null as crm_id
from event_users
left join users_in_crm on event_users.user_key = users_in_crm.user_key
where users_in_crm.user_key is null
union all
select
    external_key as contact_id,
    'import' as contact_source,
    null as contact_key,
    null as user_key,
    external_key,
    email_key,
    phone_key,
    null as account_id,
    vertical,
    null as role,
    null as lifecycle_stage,
    country,
    language,
    null as lead_source,
    created_at,
    null as crm_id
from imported
