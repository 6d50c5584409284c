{{ config(meta={'month_column': 'converted_on'}) }}

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
    where replicate = 0 and channel != ''

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

),

-- The shares of milestones that a path lacks go evenly to those it has, and so does the rest's
-- where nothing but milestones is there.
shaped as (

    select
        measured.*,
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

),

weighted as (

    select
        shaped.*,
        models.model,
        cast(case models.model
            when 'first' then case when shaped.is_first then 1 else 0 end
            when 'last' then case when shaped.is_last then 1 else 0 end
            when 'last_non_direct' then case when shaped.is_last_but_direct then 1 else 0 end
            when 'time_decay' then shaped.decay / shaped.decays
            when 'position'
                then
                    case
                        when shaped.touches_of_conversion = 1 then 1e0
                        when shaped.touches_of_conversion = 2 then 0.5e0
                        when shaped.is_first then shaped.position_first
                        when shaped.is_last then shaped.position_last
                        else shaped.position_middle / (shaped.touches_of_conversion - 2)
                    end
            when 'w_shaped'
                then
                    case when shaped.is_first then shaped.w_first + shaped.w_more else 0e0 end
                    + case when shaped.is_lead_touch then shaped.w_lead + shaped.w_more else 0e0 end
                    + case
                        when shaped.is_opportunity_touch
                            then shaped.w_opportunity + shaped.w_more
                        else 0e0
                    end
                    + case
                        when
                            shaped.is_first or shaped.is_lead_touch or shaped.is_opportunity_touch
                            then 0e0
                        else shaped.w_rest / shaped.others
                    end
            when 'markov'
                then
                    case
                        when shaped.removals > 0 then shaped.removal / shaped.removals
                        else 1e0 / shaped.touches_of_conversion
                    end
            when 'shapley' then coalesce(shaped.shapley, 1e0 / shaped.touches_of_conversion)
            else 1e0 / shaped.touches_of_conversion
        end as double) as weight,
        case models.model
            when 'markov' then coalesce(shaped.removals <= 0, true) and shaped.age_days is not null
            when 'shapley' then shaped.shapley is null and shaped.age_days is not null
            else false
        end as is_fallback
    from shaped
    cross join {{ ref('stg_marketing__attribution_models') }} as models

),

rounded as (

    select
        *,
        cast(revenue * weight as decimal(18, 4)) as credit,
        cast(revenue_base * weight as decimal(18, 4)) as credit_base
    from weighted

),

-- What rounding left over goes to the last touch that has a weight.
remainders as (

    select
        conversion_id,
        model,
        max(revenue) - sum(credit) as left_over,
        max(revenue_base) - sum(credit_base) as left_over_base,
        min(case when weight > 0 then touches_after end) as touches_after
    from rounded
    group by conversion_id, model

)

select
    rounded.conversion_id,
    rounded.touch_id,
    rounded.model,
    rounded.goal,
    rounded.vertical,
    rounded.channel,
    rounded.campaign_id,
    rounded.converted_on,
    rounded.weight,
    cast(
        rounded.credit
        + case
            when rounded.touches_after = remainders.touches_after then remainders.left_over else 0
        end as decimal(18, 4)
    ) as credit,
    rounded.currency,
    cast(
        rounded.credit_base
        + case
            when rounded.touches_after = remainders.touches_after
                then remainders.left_over_base
            else 0
        end as decimal(18, 4)
    ) as credit_base,
    rounded.is_new_customer,
    rounded.is_fallback
from rounded
inner join remainders
    on rounded.conversion_id = remainders.conversion_id and rounded.model = remainders.model
