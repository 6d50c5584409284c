{{ config(alias='contacts') }}

with contacts as (

    select * from {{ ref('int_contacts') }}

),

crm as (

    select * from {{ ref('stg_crm__contacts') }}

),

imported as (

    select * from {{ ref('stg_privacy__imported_contacts') }}

),

users as (

    select * from {{ ref('int_user_ids') }}

),

emails as (

    select * from {{ ref('int_stated_emails') }}

),

phones as (

    select * from {{ ref('int_stated_phones') }}

)

select
    contacts.contact_id,
    contacts.contact_source,
    crm.crm_id,
    imported.external_id,
    coalesce(crm.user_id, users.user_id) as user_id,
    coalesce(crm.email, imported.email, emails.email) as email,
    coalesce(crm.phone, imported.phone, phones.phone) as phone,
    coalesce(crm.first_name, imported.first_name) as first_name,
    coalesce(crm.last_name, imported.last_name) as last_name,
    coalesce(crm.job_title, imported.job_title) as job_title,
    imported.organisation,
    crm.city
from contacts
left join crm on contacts.crm_id = crm.crm_id
left join imported on contacts.external_key = imported.external_key
left join users on contacts.user_key = users.user_key
left join emails on contacts.email_key = emails.email_key
left join phones on contacts.phone_key = phones.phone_key
