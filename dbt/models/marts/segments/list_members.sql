with members as (

    select * from {{ ref('stg_crm__list_members') }}

),

lists as (

    select * from {{ ref('stg_crm__lists') }}

),

objects as (

    select * from {{ ref('int_crm_objects') }}
    where object_type = 'contacts'

)

select
    lists.list_id,
    lists.name as list_name,
    objects.object_id as contact_id,
    min(members.joined_at) as joined_at
from members
inner join lists on members.list_id = lists.list_id
inner join objects on members.crm_id = objects.crm_id
group by lists.list_id, lists.name, objects.object_id
