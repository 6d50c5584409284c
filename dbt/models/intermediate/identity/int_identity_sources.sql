{{ config(materialized='view') }}

-- One row per group of what systems gave out to their contacts: where contacts begin.
select
    identifier_type,
    group_id,
    group_id as label,
    'alone' as verdict
from {{ ref('int_identity_groups') }}
where identifier_type in ('crm_contact', 'external_id')
