{{ config(alias='rectifications') }}

with rectifications as (

    select * from {{ ref('stg_privacy__rectifications') }}

),

members as (

    select * from {{ ref('int_identity_members') }}

),

crm as (

    select * from {{ ref('stg_crm__contacts') }}

)

select
    rectifications.rectification_id,
    rectifications.request_id,
    coalesce(members.contact_id, rectifications.contact_id) as contact_id,
    rectifications.record_type,
    rectifications.record_key,
    crm.crm_id,
    rectifications.field,
    rectifications.value,
    rectifications.former_value,
    rectifications.source_value,
    rectifications.status,
    rectifications.source_known_at,
    rectifications.known_at
from rectifications
left join members on rectifications.record_key = members.identifier_key
left join crm on rectifications.record_key = crm.contact_key
