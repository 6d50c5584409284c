-- The version in force of each list; deleted ones left out.
with lists as (

    select *
    from {{ source('lake', 'crm_lists') }}
    qualify row_number() over (
        partition by list_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    list_id,
    name,
    object_type_id,
    processing_type,
    size,
    created_at,
    known_at
from lists
where not coalesce(archived, false)
