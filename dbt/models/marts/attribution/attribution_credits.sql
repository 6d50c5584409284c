{{ config(meta={'month_column': 'converted_on'}) }}

with shaped as (

    select * from {{ ref('int_attribution_path_touches') }}

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
