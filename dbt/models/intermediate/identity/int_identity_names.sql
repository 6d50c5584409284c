{{ config(materialized='view') }}

-- One row per group of CRM contacts and per imported contact that has a name: what a value's
-- holders are compared by.
with names as (

    select
        contact_key as identifier_key,
        first_name,
        last_name
    from {{ ref('stg_crm__contact_versions') }}
    where is_current
    union all
    select
        external_key as identifier_key,
        first_name,
        last_name
    from {{ ref('stg_privacy__imported_contacts') }}

)

select
    identifiers.group_id,
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
    partition by identifiers.group_id
    order by length(names.first_name) desc nulls last, names.identifier_key
) = 1
