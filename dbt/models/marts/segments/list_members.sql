with members as (

    select * from {{ ref('stg_crm__list_members') }}

),

lists as (

    select * from {{ ref('stg_crm__lists') }}

),

objects as (

    select * from {{ ref('int_crm_objects') }}
    where object_type = 'contacts'

),

chosen as (

    select * from {{ ref('next_best_actions') }}
    where is_automated and action != 'nothing'

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
union all
select
    'next_best_action:' || action as list_id,
    'next_best_action:' || action as list_name,
    contact_id,
    decided_at as joined_at
from chosen
