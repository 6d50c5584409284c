with associations as (

    select * from {{ ref('stg_crm__associations') }}

),

objects as (

    select * from {{ ref('int_crm_objects') }}

),

named as (

    select
        associations.*,
        case
            when associations.from_type in ('contacts', 'companies') then from_objects.object_id
            else associations.from_id
        end as from_object_id,
        case
            when associations.to_type in ('contacts', 'companies') then to_objects.object_id
            else associations.to_id
        end as to_object_id
    from associations
    left join objects as from_objects
        on
            associations.from_type = from_objects.object_type
            and associations.from_id = from_objects.crm_id
    left join objects as to_objects
        on
            associations.to_type = to_objects.object_type
            and associations.to_id = to_objects.crm_id

)

select
    from_type,
    from_object_id as from_id,
    to_type,
    to_object_id as to_id,
    -- Stands in for the CRM ids of contacts and companies that are not there.
    row_number() over (
        partition by from_type, from_object_id, to_type, to_object_id
        order by from_id, to_id
    ) as pair_number,
    labels,
    known_at
from named
