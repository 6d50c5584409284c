{{ config(meta={'month_column': 'converted_on'}) }}

with conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

answers as (

    select * from {{ ref('int_attribution_answers') }}

),

placed as (

    select * from {{ ref('int_attribution_reach') }}

),

-- What is credited where there is no touch: a row of every conversion.
nothing as (

    select
        conversion_id,
        min(age_days) as last_age_days
    from placed
    group by conversion_id

),

every as (

    select
        conversion_id,
        touch_id,
        touch_type,
        contact_id,
        channel,
        campaign,
        campaign_id,
        touched_at,
        age_days,
        previous_age_days,
        touches_after,
        is_last_non_direct,
        last_non_direct_age_days,
        last_age_days,
        touched_at <= lead_at and coalesce(next_at > lead_at, true) as is_lead_touch,
        touched_at <= opportunity_at and coalesce(next_at > opportunity_at, true)
            as is_opportunity_touch
    from placed
    union all
    select
        conversions.conversion_id,
        'unattributed' as touch_id,
        'unattributed' as touch_type,
        null as contact_id,
        'unattributed' as channel,
        null as campaign,
        null as campaign_id,
        null as touched_at,
        null as age_days,
        null as previous_age_days,
        0 as touches_after,
        false as is_last_non_direct,
        null as last_non_direct_age_days,
        nothing.last_age_days,
        false as is_lead_touch,
        false as is_opportunity_touch
    from conversions
    left join nothing on conversions.conversion_id = nothing.conversion_id

)

select
    every.conversion_id,
    every.touch_id,
    conversions.goal,
    conversions.vertical,
    conversions.unit_id,
    every.contact_id,
    every.touch_type,
    every.channel,
    every.campaign,
    every.campaign_id,
    every.touched_at,
    conversions.converted_at,
    conversions.converted_on,
    every.age_days,
    every.previous_age_days,
    every.last_age_days,
    every.last_non_direct_age_days,
    cast(every.touches_after as integer) as touches_after,
    every.is_last_non_direct,
    coalesce(every.is_lead_touch, false) as is_lead_touch,
    coalesce(every.is_opportunity_touch, false) as is_opportunity_touch,
    case
        when every.age_days is null
            then coalesce(every.last_age_days > conversions.lookback_days, true)
        else every.age_days <= conversions.lookback_days
    end as is_in_lookback,
    conversions.lookback_days,
    conversions.half_life_days,
    conversions.revenue,
    conversions.currency,
    conversions.revenue_base,
    conversions.is_new_customer,
    answers.self_reported_source
from every
inner join conversions on every.conversion_id = conversions.conversion_id
left join answers
    on conversions.vertical = answers.vertical and conversions.unit_id = answers.unit_id
