{{ config(meta={'month_column': 'converted_on'}) }}

with placed as (

    select * from {{ ref('int_attribution_reach') }}

),

answers as (

    select * from {{ ref('int_attribution_answers') }}

),

wholes as (

    select
        conversion_number,
        count(*) as touches,
        max(case when channel != 'direct' then place end) as last_non_direct_place,
        min(case when channel != 'direct' then age_days end) as last_non_direct_age_days,
        min(age_days) as last_age_days
    from placed
    group by conversion_number

),

conversions as (

    select
        conversions.*,
        {{ number_of('conversions.conversion_id') }} as conversion_number,
        wholes.touches,
        wholes.last_non_direct_place,
        wholes.last_non_direct_age_days,
        wholes.last_age_days,
        answers.self_reported_source
    from {{ ref('int_attribution_conversions') }} as conversions
    left join wholes
        on {{ number_of('conversions.conversion_id') }} = wholes.conversion_number
    left join answers
        on conversions.vertical = answers.vertical and conversions.unit_id = answers.unit_id

),

-- What is credited where there is no touch: a row of every conversion.
touches as (

    select * from placed
    union all
    select
        conversion_number,
        'unattributed' as touch_id,
        'unattributed' as touch_type,
        null as contact_id,
        'unattributed' as channel,
        null as campaign,
        null as campaign_id,
        null as touched_at,
        null as age_days,
        null as place,
        null as previous_age_days,
        null as next_at
    from conversions

)

select
    conversions.conversion_id,
    touches.touch_id,
    conversions.goal,
    conversions.vertical,
    conversions.unit_id,
    touches.contact_id,
    touches.touch_type,
    touches.channel,
    touches.campaign,
    touches.campaign_id,
    touches.touched_at,
    conversions.converted_at,
    conversions.converted_on,
    touches.age_days,
    touches.previous_age_days,
    conversions.last_age_days,
    case when touches.place is not null then conversions.last_non_direct_age_days end
        as last_non_direct_age_days,
    cast(coalesce(conversions.touches - touches.place, 0) as integer) as touches_after,
    coalesce(touches.place = conversions.last_non_direct_place, false) as is_last_non_direct,
    coalesce(
        touches.touched_at <= conversions.lead_at
        and coalesce(touches.next_at > conversions.lead_at, true), false
    ) as is_lead_touch,
    coalesce(
        touches.touched_at <= conversions.opportunity_at
        and coalesce(touches.next_at > conversions.opportunity_at, true), false
    ) as is_opportunity_touch,
    case
        when touches.place is null
            then coalesce(conversions.last_age_days > conversions.lookback_days, true)
        else touches.age_days <= conversions.lookback_days
    end as is_in_lookback,
    conversions.lookback_days,
    conversions.half_life_days,
    conversions.revenue,
    conversions.currency,
    conversions.revenue_base,
    conversions.is_new_customer,
    conversions.self_reported_source
from touches
inner join conversions on touches.conversion_number = conversions.conversion_number
