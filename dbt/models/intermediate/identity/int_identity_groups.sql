{{ config(materialized='view') }}

-- One row per group of identifiers.
select distinct
    identifier_type,
    group_id
from {{ ref('int_identity_identifiers') }}
