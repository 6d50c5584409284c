{{ config(materialized='view') }}

-- One row per touch of a known person with an item: what followed within the windows of
-- content.yml. Whether a meeting did is known only once its window has passed.
with touches as (

    select * from {{ ref('int_content_touches') }}
    where contact_id is not null and is_human

),

results as (

    select
        contact_id,
        occurred_at,
        touch_type in ('meeting', 'demo_booked') as is_meeting
    from {{ ref('fct_touchpoints') }}
    where
        contact_id is not null
        and actor_class <> 'machine'
        and touch_type in ('meeting', 'demo_booked', 'form_submit', 'demo_request')

),

settings as (

    select
        settings.*,
        run_context.as_of
    from {{ ref('stg_marketing__recommendation_settings') }} as settings
    cross join {{ ref('stg_system__run_context') }} as run_context

),

followed as (

    select
        touches.touch_id,
        max(case when results.is_meeting then 1 else 0 end) = 1 as has_meeting,
        max(case when results.is_meeting then 0 else 1 end) = 1 as has_form
    from touches
    cross join settings
    inner join results on touches.contact_id = results.contact_id
    where
        results.occurred_at >= touches.occurred_at
        and results.occurred_at < touches.occurred_at + case
            when results.is_meeting then settings.meeting_window_days
            else settings.form_window_days
        end * interval '1' day
    group by touches.touch_id

)

select
    touches.touch_id,
    coalesce(followed.has_form, false) as has_form,
    coalesce(followed.has_meeting, false) as has_meeting,
    touches.occurred_at + settings.meeting_window_days * interval '1' day
    <= settings.as_of as is_observed
from touches
cross join settings
left join followed on touches.touch_id = followed.touch_id
