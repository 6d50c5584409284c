-- The version in force of each engagement; deleted ones left out. A contact merged away is
-- replaced by its survivor. A type that nobody foresaw is 'other': no reason to stop a run.
with engagements as (

    select *
    from {{ source('lake', 'crm_engagements') }}
    qualify row_number() over (
        partition by crm_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

),

merged_ids as (

    select * from {{ ref('stg_crm__contact_merges') }}

)

select
    engagements.crm_id,
    engagements.created_at,
    engagements.known_at,
    case
        when engagements.engagement_type in ('call', 'email', 'meeting', 'note')
            then engagements.engagement_type
        else 'other'
    end as engagement_type,
    engagements.occurred_at,
    engagements.direction,
    engagements.outcome,
    engagements.owner_id,
    engagements.company_crm_id,
    coalesce(merged_ids.surviving_crm_id, engagements.contact_crm_id) as contact_crm_id,
    engagements.deal_crm_id
from engagements
left join merged_ids on engagements.contact_crm_id = merged_ids.merged_crm_id
where not coalesce(engagements.archived, false)
