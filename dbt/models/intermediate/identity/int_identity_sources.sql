{{ config(materialized='view') }}

-- One row per identifier that a system gave out to one of its contacts: where contacts begin.
select
    identifier_type,
    identifier_key,
    group_key,
    group_key as label,
    'alone' as verdict
from {{ ref('int_identity_identifiers') }}
where identifier_type in ('crm_contact', 'external_id')
