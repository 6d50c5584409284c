{{ config(materialized='view') }}

-- One row per CRM contact and company, and per contact merged away (as its survivor): the id it is
-- published by. Marts name contacts and companies by their keys, never by their CRM ids.
select
    'contacts' as object_type,
    crm_id,
    contact_key as object_id
from {{ ref('stg_crm__contacts') }}
union all
select
    'contacts' as object_type,
    merged_ids.merged_crm_id as crm_id,
    contacts.contact_key as object_id
from {{ ref('stg_crm__contact_merges') }} as merged_ids
inner join {{ ref('stg_crm__contacts') }} as contacts
    on merged_ids.surviving_crm_id = contacts.crm_id
union all
select
    'companies' as object_type,
    crm_id,
    company_key as object_id
from {{ ref('stg_crm__companies') }}
