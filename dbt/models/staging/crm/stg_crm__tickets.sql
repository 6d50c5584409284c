-- The version in force of each ticket; deleted ones left out. A contact merged away is replaced
-- by its survivor.
with tickets as (

    select *
    from {{ source('lake', 'crm_tickets') }}
    qualify row_number() over (
        partition by crm_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

),

merged_ids as (

    select * from {{ ref('stg_crm__contact_merges') }}

)

select
    tickets.crm_id,
    tickets.created_at,
    tickets.known_at,
    tickets.pipeline,
    tickets.stage,
    tickets.priority,
    tickets.category,
    tickets.closed_at,
    tickets.owner_id,
    tickets.company_crm_id,
    coalesce(merged_ids.surviving_crm_id, tickets.contact_crm_id) as contact_crm_id
from tickets
left join merged_ids on tickets.contact_crm_id = merged_ids.merged_crm_id
where not coalesce(tickets.archived, false)
