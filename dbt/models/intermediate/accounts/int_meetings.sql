-- One row per contact and time of a meeting that has begun: meetings of the calendars and the CRM,
-- and entries of the funnel stages that accounts.yml counts as meetings.
with sightings as (

    select
        sightings.contact_id,
        sightings.vertical,
        sightings.entered_at
    from {{ ref('int_funnel_sightings') }} as sightings
    inner join {{ ref('stg_marketing__funnel_stages') }} as stages
        on sightings.vertical = stages.vertical and sightings.stage = stages.stage
    inner join {{ ref('stg_marketing__meeting_stages') }} as meeting_stages
        on stages.metric = meeting_stages.metric
    cross join {{ ref('stg_system__run_context') }} as run_context
    where sightings.entered_at < run_context.as_of

),

meetings as (

    select
        contact_id,
        vertical,
        occurred_at as held_at
    from {{ ref('fct_touchpoints') }}
    where touch_type = 'meeting' and actor_class <> 'machine'
    union all
    select
        contact_id,
        vertical,
        entered_at as held_at
    from sightings

)

select
    contact_id,
    held_at,
    min(vertical) as vertical
from meetings
where contact_id is not null
group by contact_id, held_at
