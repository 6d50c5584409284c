-- The version in force of each stage, archived ones included: old objects stand in them.
with stages as (

    select *
    from {{ source('lake', 'crm_stages') }}
    qualify row_number() over (
        partition by object_type, pipeline_id, stage_id
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    object_type,
    pipeline_id,
    pipeline_name,
    stage_id,
    stage_name,
    position,
    probability,
    is_closed,
    coalesce(archived, false) as is_archived,
    known_at
from stages
