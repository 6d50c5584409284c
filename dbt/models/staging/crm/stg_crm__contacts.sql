-- The version in force of each contact; deleted ones and those merged into another left out.
with contacts as (

    select * from {{ ref('stg_crm__contact_versions') }}
    where is_current

),

merged_ids as (

    select * from {{ ref('stg_crm__contact_merges') }}

)

select
    contacts.crm_id,
    contacts.contact_key,
    contacts.created_at,
    contacts.known_at,
    contacts.email,
    contacts.email_key,
    contacts.phone,
    contacts.phone_key,
    contacts.first_name,
    contacts.last_name,
    contacts.job_title,
    contacts.role,
    contacts.lifecycle_stage,
    contacts.user_id,
    contacts.user_key,
    contacts.company_crm_id,
    contacts.owner_id,
    contacts.vertical,
    contacts.country,
    contacts.city,
    contacts.language,
    contacts.lead_source,
    contacts.properties
from contacts
left join merged_ids on contacts.crm_id = merged_ids.merged_crm_id
where merged_ids.merged_crm_id is null and not coalesce(contacts.archived, false)
