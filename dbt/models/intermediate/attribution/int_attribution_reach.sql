{{ config(materialized='view') }}

-- One row per conversion and touch of its unit up to a year before it, with its place in their
-- order. Only what that order tells: facts of conversions and whole paths are joined to it later,
-- so that little text is sorted.
with conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

reached as (

    select
        {{ number_of('conversions.conversion_id') }} as conversion_number,
        touches.touch_id,
        touches.touch_type,
        touches.contact_id,
        touches.channel,
        touches.campaign,
        touches.campaign_id,
        touches.occurred_at as touched_at,
        {{ seconds_between('touches.occurred_at', 'conversions.converted_at') }} / 86400e0
            as age_days
    from conversions
    cross join {{ ref('stg_marketing__attribution_settings') }} as settings
    inner join {{ ref('int_attribution_touches') }} as touches
        on
            conversions.vertical = touches.vertical
            and conversions.unit_id = touches.unit_id
            and conversions.converted_at >= touches.occurred_at
            and conversions.converted_at
            <= {{ days_later('touches.occurred_at', 'settings.reach_days') }}
            and (
                conversions.previous_at is null
                or not settings.is_exclusive
                or conversions.previous_at < touches.occurred_at
            )

)

select
    *,
    row_number() over in_order as place,
    lag(age_days) over in_order as previous_age_days,
    lead(touched_at) over in_order as next_at
from reached
window in_order as (partition by conversion_number order by touched_at, touch_id)
