{{ config(materialized='view') }}

-- What known people did before the run's as_of, without machines.
select
    touches.contact_id,
    touches.touch_id,
    touches.touch_type,
    touches.occurred_at,
    touches.channel,
    touches.depth,
    content_items.topic,
    {{ seconds_between('touches.occurred_at', 'run_context.as_of') }} / 86400e0 as age_days
from {{ ref('fct_touchpoints') }} as touches
inner join {{ ref('stg_system__run_context') }} as run_context
    on touches.occurred_at < run_context.as_of
left join {{ ref('dim_content') }} as content_items
    on touches.content_id = content_items.content_id
where touches.contact_id is not null and touches.actor_class != 'machine'
