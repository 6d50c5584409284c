-- The version in force of each change. A value may be an address or a name.
with typed as (

    select
        *,
        {{ crm_object_type('object_type') }} as named_type
    from {{ source('lake', 'crm_property_history') }}

),

property_history as (

    select *
    from typed
    qualify row_number() over (
        partition by named_type, crm_id, property, changed_at
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    named_type as object_type,
    crm_id,
    property,
    value,
    source_type,
    changed_at,
    known_at
from property_history
