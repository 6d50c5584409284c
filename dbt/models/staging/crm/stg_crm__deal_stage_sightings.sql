-- One row per deal and stage: when a version of the deal was first known in that stage.
-- It stands in where the CRM did not store the entry time itself.
select
    crm_id,
    pipeline,
    stage,
    min(known_at) as first_known_at
from {{ source('lake', 'crm_deals') }}
where stage is not null
group by crm_id, pipeline, stage
