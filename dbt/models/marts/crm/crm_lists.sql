with lists as (

    select * from {{ ref('stg_crm__lists') }}

),

members as (

    select
        list_id,
        count(*) as member_count
    from {{ ref('stg_crm__list_members') }}
    group by list_id

)

select
    lists.list_id,
    lists.name,
    lists.object_type_id,
    lists.processing_type,
    coalesce(members.member_count, 0) as members,
    lists.size as reported_members,
    lists.created_at,
    lists.known_at
from lists
left join members on lists.list_id = members.list_id
