{{ config(alias='identity_names') }}

select
    group_key,
    last_name,
    initial,
    first_name
from {{ ref('int_identity_names') }}
