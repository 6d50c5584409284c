{{ config(materialized='view') }}

-- One row per conversion and touch of its unit up to a year before it, in order. Counts of what
-- follows are totals less what was so far: frames that look ahead cost far more.
with conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

reached as (

    select
        conversions.conversion_id,
        {{ number_of('conversions.conversion_id') }} as conversion_number,
        touches.touch_id,
        touches.touch_type,
        touches.contact_id,
        touches.channel,
        touches.campaign,
        touches.campaign_id,
        touches.occurred_at as touched_at,
        {{ seconds_between('touches.occurred_at', 'conversions.converted_at') }} / 86400e0
            as age_days,
        conversions.lead_at,
        conversions.opportunity_at
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
    lag(age_days) over in_order as previous_age_days,
    lead(touched_at) over in_order as next_at,
    count(*) over whole - row_number() over in_order as touches_after,
    channel != 'direct'
    and count(case when channel != 'direct' then 1 end) over whole
    = count(case when channel != 'direct' then 1 end) over (
        in_order rows between unbounded preceding and current row
    ) as is_last_non_direct,
    min(case when channel != 'direct' then age_days end) over whole
        as last_non_direct_age_days,
    min(age_days) over whole as last_age_days
from reached
window
    whole as (partition by conversion_number),
    in_order as (partition by conversion_number order by touched_at, touch_id)
