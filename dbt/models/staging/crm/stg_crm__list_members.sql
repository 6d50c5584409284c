-- The members of each list as last known. A set_hash names all members at one time: one whose
-- newest row is of an older set has left. Members without one stand by themselves.
with list_members as (

    select *
    from {{ source('lake', 'crm_list_members') }}
    qualify row_number() over (
        partition by list_id, crm_id
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

),

newest_sets as (

    select
        list_id,
        set_hash
    from {{ source('lake', 'crm_list_members') }}
    where set_hash is not null
    qualify row_number() over (
        partition by list_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    list_members.list_id,
    list_members.crm_id,
    list_members.joined_at,
    list_members.known_at
from list_members
left join newest_sets on list_members.list_id = newest_sets.list_id
where
    coalesce(list_members.is_member, true)
    and (list_members.set_hash is null or list_members.set_hash = newest_sets.set_hash)
