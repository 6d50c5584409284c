-- The version in force of each task; deleted ones left out. A contact merged away is replaced
-- by its survivor.
with tasks as (

    select *
    from {{ source('lake', 'crm_tasks') }}
    qualify row_number() over (
        partition by crm_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

),

merged_ids as (

    select * from {{ ref('stg_crm__contact_merges') }}

)

select
    tasks.crm_id,
    tasks.created_at,
    tasks.known_at,
    tasks.task_type,
    tasks.status,
    tasks.priority,
    tasks.due_at,
    tasks.completed_at,
    tasks.owner_id,
    tasks.company_crm_id,
    coalesce(merged_ids.surviving_crm_id, tasks.contact_crm_id) as contact_crm_id,
    tasks.deal_crm_id
from tasks
left join merged_ids on tasks.contact_crm_id = merged_ids.merged_crm_id
where not coalesce(tasks.archived, false)
