-- reads: attribution_touchpoints, attribution_models
-- Any rule model with any look-back and half-life, over conversions in [from_at, to_at): one row per
-- conversion and touch of its path, with credits that sum to each conversion's revenue.
create macro attribution(model, lookback_days, half_life_days, from_at, to_at) as table
with checked as (
    select
        case
            when model is null or lower(model) not in (
                'first', 'last', 'last_non_direct', 'linear', 'time_decay', 'position', 'w_shaped'
            )
                then case
                    when lower(model) in ('markov', 'shapley')
                        then error('attribution: ' || model || ' is data-driven; read it from attribution_credits')
                    else error(
                        'attribution: no model ' || coalesce('''' || model || '''', 'NULL')
                        || '; one of first, last, last_non_direct, linear, time_decay, position, w_shaped'
                    )
                end
            else lower(model)
        end as model,
        case
            when coalesce(lookback_days::double > 0 and lookback_days::double <= 365, false)
                then lookback_days::double
            else error(
                'attribution: lookback_days must be over 0 and at most 365, not '
                || coalesce(lookback_days::varchar, 'NULL')
            )::double
        end as lookback,
        case
            when coalesce(
                half_life_days::double > 0 and half_life_days::double < 'infinity'::double, false
            )
                then half_life_days::double
            else error(
                'attribution: half_life_days must be over 0, not '
                || coalesce(half_life_days::varchar, 'NULL')
            )::double
        end as half_life,
        case
            when coalesce(from_at::timestamp <= to_at::timestamp, false) then from_at::timestamp
            else error(
                'attribution: from_at must not lie after to_at: '
                || coalesce(from_at::varchar, 'NULL') || ', ' || coalesce(to_at::varchar, 'NULL')
            )::timestamp
        end as begins,
        to_at::timestamp as ends,
        shares.*
    from (
        select
            max((parameters->>'first')::double) filter (m.model = 'position') as p_first,
            max((parameters->>'middle')::double) filter (m.model = 'position') as p_middle,
            max((parameters->>'last')::double) filter (m.model = 'position') as p_last,
            max((parameters->>'first')::double) filter (m.model = 'w_shaped') as w_first,
            max((parameters->>'lead')::double) filter (m.model = 'w_shaped') as w_lead,
            max((parameters->>'opportunity')::double) filter (m.model = 'w_shaped') as w_opportunity,
            max((parameters->>'rest')::double) filter (m.model = 'w_shaped') as w_rest
        from marts.attribution_models as m
    ) as shares
),
touches as (
    select
        t.*,
        c.*,
        coalesce(t.previous_age_days > c.lookback, true) as is_first,
        t.touches_after = 0 as is_last,
        case
            when t.age_days is null then 1.0::double
            else power(2.0::double, (t.last_age_days - t.age_days) / c.half_life)
        end as decay
    from marts.attribution_touchpoints as t
    cross join checked as c
    where
        t.converted_at >= c.begins
        and t.converted_at < c.ends
        and case
            when t.age_days is null then coalesce(t.last_age_days > c.lookback, true)
            else t.age_days <= c.lookback
        end
),
totals as (
    select
        conversion_id,
        count(*) as path_touches,
        sum(decay) as decays,
        count(*) filter (not is_first and not is_lead_touch and not is_opportunity_touch) as others,
        count(*) filter (is_lead_touch) as leads,
        count(*) filter (is_opportunity_touch) as opportunities
    from touches
    group by conversion_id
),
weighted as (
    select
        t.*,
        s.path_touches,
        case t.model
            when 'first' then t.is_first::integer
            when 'last' then t.is_last::integer
            when 'last_non_direct' then case
                when t.last_non_direct_age_days <= t.lookback then t.is_last_non_direct
                else t.is_last
            end::integer
            when 'linear' then 1.0::double / s.path_touches
            when 'time_decay' then t.decay / s.decays
            when 'position' then case
                when s.path_touches = 1 then 1
                when s.path_touches = 2 then 0.5
                when t.is_first then t.p_first
                when t.is_last then t.p_last
                else t.p_middle / (s.path_touches - 2)
            end
            else (
                t.is_first::integer * t.w_first
                + t.is_lead_touch::integer * t.w_lead
                + t.is_opportunity_touch::integer * t.w_opportunity
                + (t.is_first::integer + t.is_lead_touch::integer + t.is_opportunity_touch::integer)
                * (
                    t.w_lead * (1 - s.leads) + t.w_opportunity * (1 - s.opportunities)
                    + case when s.others = 0 then t.w_rest else 0 end
                ) / (1 + s.leads + s.opportunities)
                + case
                    when t.is_first or t.is_lead_touch or t.is_opportunity_touch then 0
                    else t.w_rest / s.others
                end
            )
        end::double as weight
    from touches as t
    join totals as s using (conversion_id)
),
rounded as (
    select
        *,
        (revenue * weight)::decimal(18, 4) as part,
        (revenue_base * weight)::decimal(18, 4) as part_base
    from weighted
),
remainders as (
    select
        conversion_id,
        max(revenue) - sum(part) as left_over,
        max(revenue_base) - sum(part_base) as left_over_base,
        min(touches_after) filter (weight > 0) as bearer
    from rounded
    group by conversion_id
)
select
    r.conversion_id,
    r.touch_id,
    r.goal,
    r.vertical,
    r.unit_id,
    r.contact_id,
    r.touch_type,
    r.channel,
    r.campaign,
    r.campaign_id,
    r.touched_at,
    r.converted_at,
    r.converted_on,
    r.age_days,
    r.is_new_customer,
    r.weight,
    (r.part + case when r.touches_after = m.bearer then m.left_over else 0 end)::decimal(18, 4)
        as credit,
    r.currency,
    (r.part_base + case when r.touches_after = m.bearer then m.left_over_base else 0 end)::decimal(18, 4)
        as credit_base
from rounded as r
join remainders as m using (conversion_id)
union all
-- No row: asks for every parameter where there is no conversion at all, so that errors are told.
select
    null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
    null, null, null
from checked
where model is null or lookback is null or half_life is null or begins is null
