-- One row per id that the CRM gave to a contact or a company, those merged away among them: the id
-- it is published by. Marts name contacts and companies by their keys, never by their CRM ids.
with keys as (

    select distinct
        crm_id,
        contact_key
    from {{ source('lake', 'crm_contacts') }}

),

merged_ids as (

    select * from {{ ref('stg_crm__contact_merges') }}

),

named as (

    select
        crm_id,
        contact_key
    from keys
    union all
    -- Merged away before it was ever seen.
    select
        merged_ids.merged_crm_id as crm_id,
        survivors.contact_key
    from merged_ids
    inner join keys as survivors on merged_ids.surviving_crm_id = survivors.crm_id
    left join keys on merged_ids.merged_crm_id = keys.crm_id
    where keys.crm_id is null

)

select
    'contacts' as object_type,
    named.crm_id,
    members.contact_id as object_id
from named
inner join {{ ref('int_identity_members') }} as members
    on named.contact_key = members.identifier_key
union all
select
    'companies' as object_type,
    crm_id,
    company_key as object_id
from {{ ref('stg_crm__companies') }}
