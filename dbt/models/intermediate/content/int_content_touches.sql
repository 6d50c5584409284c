{{ config(materialized='view') }}

-- One row per touch with an item of the library.
select
    touches.touch_id,
    touches.touch_type,
    touches.content_id,
    touches.contact_id,
    touches.occurred_at,
    touches.occurred_on,
    touches.channel,
    touches.actor_class <> 'machine' as is_human
from {{ ref('fct_touchpoints') }} as touches
inner join {{ ref('dim_content') }} as items on touches.content_id = items.content_id
