{{ config(materialized='view') }}

-- One row per group of identifiers.
select
    identifier_type,
    group_id,
    group_key
from {{ ref('int_identity_identifiers') }}
where identifier_id = group_id
