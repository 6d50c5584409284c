{{ config(materialized='view') }}

-- One row per group of CRM contacts and per imported contact that has a name: what a value's
-- holders are compared by.
with names as (

    select
        contact_key as identifier_key,
        first_name,
        last_name
    from {{ source('lake', 'crm_contacts') }}
    qualify
        row_number() over (
            partition by crm_id order by known_at desc, landing_file desc, landing_line desc
        ) = 1
    union all
    select
        external_key as identifier_key,
        first_name,
        last_name
    from {{ ref('stg_privacy__imported_contacts') }}

)

select
    identifiers.group_key,
    {{ plain_text('names.last_name') }} as last_name,
    nullif(substr({{ plain_text('names.first_name') }}, 1, 1), '') as initial,
    -- An abbreviation agrees with every name that begins so.
    case
        when length(rtrim({{ plain_text('names.first_name') }}, '.')) > 1
            then {{ plain_text('names.first_name') }}
    end as first_name
from names
inner join {{ ref('int_identity_identifiers') }} as identifiers
    on names.identifier_key = identifiers.identifier_key
where nullif(trim(names.last_name), '') is not null
qualify row_number() over (
    partition by identifiers.group_key
    order by length(names.first_name) desc nulls last, names.identifier_key
) = 1
