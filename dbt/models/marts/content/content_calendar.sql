with slots as (

    select * from {{ ref('int_content_slots') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

published_items as (

    select
        items.content_id,
        items.vertical,
        items.channel,
        items.content_type,
        items.published_at,
        cast({{ local_time('items.published_at', 'run_context.time_zone') }} as date)
            as published_on
    from {{ ref('dim_content') }} as items
    cross join run_context
    left join {{ ref('stg_marketing__unpublished_statuses') }} as unpublished
        on lower(items.status) = unpublished.status
    where items.published_at < run_context.as_of and unpublished.status is null

),

-- The first item of the slot's interval fills it.
placed as (

    select
        published_items.*,
        slots.planned_on,
        row_number() over (
            partition by slots.vertical, slots.channel, slots.content_type, slots.planned_on
            order by published_items.published_at, published_items.content_id
        ) = 1 and slots.planned_on is not null as fills_slot
    from published_items
    left join slots
        on
            published_items.vertical = slots.vertical
            and published_items.channel = slots.channel
            and published_items.content_type = slots.content_type
            and published_items.published_on >= slots.fills_from_on
            and published_items.published_on < slots.fills_until_on

),

calendar as (

    select
        slots.vertical || '/' || slots.channel || '/' || slots.content_type || '/'
        || cast(slots.planned_on as varchar) as calendar_id,
        slots.vertical,
        slots.channel,
        slots.content_type,
        slots.planned_on,
        slots.late_after_on,
        slots.fills_until_on,
        placed.content_id,
        placed.published_on
    from slots
    left join placed
        on
            slots.vertical = placed.vertical
            and slots.channel = placed.channel
            and slots.content_type = placed.content_type
            and slots.planned_on = placed.planned_on
            and placed.fills_slot
    union all
    select
        'item/' || content_id as calendar_id,
        vertical,
        channel,
        content_type,
        null as planned_on,
        null as late_after_on,
        null as fills_until_on,
        content_id,
        published_on
    from placed
    where not fills_slot

)

select
    calendar.calendar_id,
    calendar.vertical,
    calendar.channel,
    calendar.content_type,
    calendar.planned_on,
    calendar.published_on,
    calendar.content_id,
    {{ days_between('calendar.planned_on', 'calendar.published_on') }} as delay_days,
    case
        when calendar.planned_on is null then 'unplanned'
        when calendar.published_on <= calendar.late_after_on then 'on_time'
        when calendar.published_on is not null then 'late'
        -- Until then it can still be filled.
        when
            greatest(calendar.fills_until_on, calendar.late_after_on + 1) > run_context.as_of_on
            then 'open'
        else 'missed'
    end as calendar_status,
    calendar.planned_on is not null as is_planned
from calendar
cross join run_context
