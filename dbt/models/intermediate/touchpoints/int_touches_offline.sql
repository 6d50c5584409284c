-- Forms of other tools, attendances, meetings, answers to sales people, contacts that a partner
-- brought. A meeting of the CRM that a booking tool knows of too is one touch. What lies ahead is
-- none yet.
with run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

booked_meetings as (

    select * from {{ ref('fct_meetings') }}
    where status in ('scheduled', 'held')

),

touches as (

    select
        'form_submit' as touch_type,
        occurred_at,
        occurred_on,
        contact_id,
        vertical,
        {{ form_source_key() }} as source_key,
        utm_campaign as campaign,
        source,
        submission_id as source_id
    from {{ ref('fct_form_submissions') }}
    union all
    select
        touch_type,
        occurred_at,
        occurred_on,
        contact_id,
        vertical,
        source_key,
        campaign,
        source,
        source_id
    from {{ ref('int_attendance_touches') }}
    union all
    select
        'meeting' as touch_type,
        starts_at as occurred_at,
        starts_on as occurred_on,
        contact_id,
        vertical,
        'touch/meeting' as source_key,
        utm_campaign as campaign,
        source,
        meeting_id as source_id
    from booked_meetings
    union all
    select
        'meeting' as touch_type,
        activities.completed_at as occurred_at,
        cast({{ local_time('activities.completed_at', 'run_context.time_zone') }} as date)
            as occurred_on,
        activities.contact_id,
        null as vertical,
        'touch/meeting' as source_key,
        null as campaign,
        'crm' as source,
        activities.activity_id as source_id
    from {{ ref('fct_crm_activities') }} as activities
    cross join run_context
    left join booked_meetings
        on
            activities.contact_id = booked_meetings.contact_id
            and cast({{ local_time('activities.completed_at', 'run_context.time_zone') }} as date)
            = booked_meetings.starts_on
    where
        activities.activity_type = 'meeting'
        and activities.status = 'completed'
        and booked_meetings.meeting_id is null
    union all
    select
        'sales_reply' as touch_type,
        occurred_at,
        occurred_on,
        contact_id,
        vertical,
        null as source_key,
        null as campaign,
        source,
        activity_type || '/' || cast({{ epoch_micros('occurred_at') }} as varchar)
        || '/' || cast(activity_number as varchar) as source_id
    from {{ ref('fct_sales_activities') }}
    where activity_type in ('connected', 'inmail_replied')
    union all
    select
        'partner_referral' as touch_type,
        brought.created_at as occurred_at,
        cast({{ local_time('brought.created_at', 'run_context.time_zone') }} as date)
            as occurred_on,
        brought.contact_id,
        null as vertical,
        null as source_key,
        brought.partner_id as campaign,
        'crm_contacts' as source,
        brought.contact_id as source_id
    from {{ ref('int_contact_sources') }} as brought
    cross join run_context
    where brought.partner_id is not null

)

select
    touches.touch_type,
    touches.occurred_at,
    touches.occurred_on,
    touches.contact_id,
    cast(null as varchar) as visitor_key,
    touches.vertical,
    coalesce(nullif(sources.channel, 'unknown'), touch_types.channel, 'unknown') as channel,
    case
        when sources.channel != 'unknown' then sources.channel_rule
        when touch_types.channel is not null then 'touch_type'
        else 'no_rule'
    end as channel_rule,
    touches.campaign,
    cast(null as varchar) as content_id,
    'human' as actor_class,
    touch_types.depth,
    touches.source,
    touches.source_id
from touches
cross join run_context
inner join {{ ref('stg_marketing__touch_types') }} as touch_types
    on touches.touch_type = touch_types.touch_type
left join {{ ref('int_traffic_sources') }} as sources on touches.source_key = sources.source_key
where touches.occurred_at < run_context.as_of
