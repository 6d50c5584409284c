{{ config(materialized='view') }}

-- One row per touch of a known person: what came of it within the windows of content.yml. Whether
-- a meeting did is known only once its window has passed.
with touches as (

    select * from {{ ref('fct_content_touches') }}
    where contact_id is not null and actor_class is distinct from 'machine'

),

settings as (

    select
        settings.*,
        run_context.as_of_on
    from {{ ref('stg_marketing__recommendation_settings') }} as settings
    cross join {{ ref('stg_system__run_context') }} as run_context

),

forms as (

    select
        events.contact_id,
        events.occurred_at
    from {{ ref('fct_events') }} as events
    inner join {{ ref('stg_marketing__content_actions') }} as actions
        on events.event = actions.event and actions.action = 'form'
    where events.contact_id is not null and events.actor_class is distinct from 'machine'
    union all
    select
        contact_id,
        occurred_at
    from {{ ref('fct_form_submissions') }}
    where contact_id is not null

),

before_form as (

    select distinct touches.touch_id
    from touches
    cross join settings
    inner join forms on touches.contact_id = forms.contact_id
    where
        forms.occurred_at >= touches.occurred_at
        and forms.occurred_at
        < touches.occurred_at + settings.form_window_days * interval '1' day

),

before_meeting as (

    select distinct touches.touch_id
    from touches
    cross join settings
    inner join {{ ref('int_content_meetings') }} as meetings
        on touches.contact_id = meetings.contact_id
    where
        meetings.met_on >= touches.occurred_on
        and {{ days_between('touches.occurred_on', 'meetings.met_on') }}
        < settings.meeting_window_days

)

select
    touches.touch_id,
    before_form.touch_id is not null as has_form,
    before_meeting.touch_id is not null as has_meeting,
    {{ days_between('touches.occurred_on', 'settings.as_of_on') }}
    >= settings.meeting_window_days as is_observed
from touches
cross join settings
left join before_form on touches.touch_id = before_form.touch_id
left join before_meeting on touches.touch_id = before_meeting.touch_id
