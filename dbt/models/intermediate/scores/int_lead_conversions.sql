{{ config(materialized='view') }}

-- Converted is who was seen in the stage of the metric that scoring.yml names: a later stage
-- implies it.
with stages as (

    select * from {{ ref('stg_marketing__funnel_stages') }}

),

goals as (

    select
        stages.vertical,
        min(stages.position) as position
    from stages
    inner join ({{ lead_settings() }}) as settings on stages.metric = settings.converts_at
    group by stages.vertical

)

select
    sightings.vertical,
    sightings.contact_id,
    min(sightings.entered_at) as converted_at
from {{ ref('int_funnel_sightings') }} as sightings
inner join stages
    on sightings.vertical = stages.vertical and sightings.stage = stages.stage
inner join goals
    on stages.vertical = goals.vertical and stages.position >= goals.position
where sightings.contact_id is not null
group by sightings.vertical, sightings.contact_id
