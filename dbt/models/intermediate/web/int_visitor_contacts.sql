{{ config(materialized='view') }}

-- Whose a user id or a device is: the one place where sessions learn of identity. A device that
-- several people use is nobody's.
select
    identifier_type,
    identifier_key,
    contact_id
from {{ ref('int_identity_members') }}
where identifier_type in ('user_id', 'anonymous_id') and contact_id is not null
