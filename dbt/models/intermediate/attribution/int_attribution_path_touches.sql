{{ config(materialized='view') }}

-- One row per conversion and touch of its path, with all that the models' shares are computed
-- from. The shares of milestones that a path lacks go evenly to those it has, and so does the
-- rest's where nothing but milestones is there (w_more).
with touches as (

    select
        *,
        coalesce(previous_age_days > lookback_days, true) as is_first,
        touches_after = 0 as is_last,
        -- Counted from the last touch, which cannot vanish whatever the half-life.
        case
            when age_days is null then 1e0
            else power(2e0, (last_age_days - age_days) / half_life_days)
        end as decay,
        case
            when last_non_direct_age_days <= lookback_days then is_last_non_direct
            else touches_after = 0
        end as is_last_but_direct
    from {{ ref('attribution_touchpoints') }}
    where is_in_lookback

),

effects as (

    select * from {{ ref('stg_models__attribution_effects') }}
    where channel != ''

),

measured as (

    select
        touches.*,
        count(*) over conversion as touches_of_conversion,
        sum(touches.decay) over conversion as decays,
        max(case when touches.is_lead_touch then 1 else 0 end) over conversion as leads,
        max(case when touches.is_opportunity_touch then 1 else 0 end) over conversion
            as opportunities,
        sum(
            case
                when touches.is_first or touches.is_lead_touch or touches.is_opportunity_touch
                    then 0
                else 1
            end
        ) over conversion as others,
        coalesce(removal.value, 0e0) as removal,
        sum(removal.value) over conversion as removals,
        shares.value / count(*) over (
            partition by touches.conversion_id, touches.channel
        ) as shapley
    from touches
    left join {{ ref('int_attribution_paths') }} as paths
        on touches.conversion_id = paths.conversion_id
    left join effects as removal
        on
            removal.model = 'markov'
            and touches.vertical = removal.vertical
            and touches.goal = removal.goal
            and touches.channel = removal.channel
    left join effects as shares
        on
            shares.model = 'shapley'
            and shares.path != ''
            and touches.vertical = shares.vertical
            and touches.goal = shares.goal
            and paths.channels = shares.path
            and touches.channel = shares.channel
    window conversion as (partition by touches.conversion_id)

)

select
    measured.conversion_id,
    measured.touch_id,
    measured.goal,
    measured.vertical,
    measured.channel,
    measured.campaign_id,
    measured.converted_on,
    measured.age_days,
    measured.touches_after,
    measured.revenue,
    measured.currency,
    measured.revenue_base,
    measured.is_new_customer,
    measured.is_first,
    measured.is_last,
    measured.is_lead_touch,
    measured.is_opportunity_touch,
    measured.is_last_but_direct,
    measured.decay,
    measured.decays,
    measured.touches_of_conversion,
    measured.leads,
    measured.opportunities,
    measured.others,
    measured.removal,
    measured.removals,
    measured.shapley,
    settings.position_first,
    settings.position_middle,
    settings.position_last,
    settings.w_first,
    settings.w_lead,
    settings.w_opportunity,
    settings.w_rest,
    (
        settings.w_lead * (1 - measured.leads)
        + settings.w_opportunity * (1 - measured.opportunities)
        + case when measured.others = 0 then settings.w_rest else 0e0 end
    ) / (1 + measured.leads + measured.opportunities) as w_more
from measured
cross join {{ ref('stg_marketing__attribution_settings') }} as settings
