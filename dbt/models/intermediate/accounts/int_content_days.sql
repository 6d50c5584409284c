-- One row per contact, vertical and local day with a human content touch: whether a meeting
-- followed one of the touches in time, and whether there has been time for it.
with settings as (

    select * from {{ ref('stg_marketing__account_settings') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

touches as (

    select
        touches.contact_id,
        touches.vertical,
        touches.occurred_on,
        touches.occurred_at
    from {{ ref('fct_touchpoints') }} as touches
    inner join {{ ref('stg_marketing__content_touches') }} as content_touches
        on touches.touch_type = content_touches.touch_type
    where
        touches.contact_id is not null
        and touches.vertical is not null
        and touches.actor_class <> 'machine'

),

answered as (

    select distinct
        touches.contact_id,
        touches.vertical,
        touches.occurred_on
    from touches
    cross join settings
    inner join {{ ref('int_meetings') }} as meetings
        on
            touches.contact_id = meetings.contact_id
            and touches.occurred_at < meetings.held_at
            and {{ seconds_between('touches.occurred_at', 'meetings.held_at') }}
            <= settings.content_to_meeting_days * 86400e0

),

days as (

    select
        contact_id,
        vertical,
        occurred_on,
        count(*) as touches,
        max(occurred_at) as last_at
    from touches
    group by contact_id, vertical, occurred_on

)

select
    days.contact_id,
    days.vertical,
    days.occurred_on,
    days.touches,
    answered.contact_id is not null as has_meeting,
    {{ seconds_between('days.last_at', 'run_context.as_of') }}
    >= settings.content_to_meeting_days * 86400e0 as is_matured
from days
cross join settings
cross join run_context
left join answered
    on
        days.contact_id = answered.contact_id
        and days.vertical = answered.vertical
        and days.occurred_on = answered.occurred_on
