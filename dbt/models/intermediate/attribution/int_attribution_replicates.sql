-- One row per vertical, goal, month, channel, campaign and bootstrap replicate (0: as credited),
-- with each model's credit. Of rule models the credit of a conversion stays and its unit's weight
-- changes; the Markov chain is fitted anew; the Shapley shares are kept (int_attribution_draws has
-- them anew).
with credits as (

    select
        credits.vertical,
        credits.goal,
        credits.conversion_id,
        coalesce(conversions.unit_id, credits.conversion_id) as unit_id,
        {{ month_of('credits.converted_on') }} as month,
        credits.channel,
        coalesce(credits.campaign_id, 'without_campaign') as campaign_id,
        count(case when credits.model = 'linear' then 1 end) as touches,
        cast(max(conversions.revenue_base) as double) as revenue,
        {{ credit_columns(
            "cast(sum(case when credits.model = 'MODEL' then credits.credit_base end) as double)"
        ) }}
    from {{ ref('attribution_credits') }} as credits
    inner join {{ ref('int_attribution_conversions') }} as conversions
        on credits.conversion_id = conversions.conversion_id
    where conversions.revenue_base is not null
    group by
        credits.vertical, credits.goal, credits.conversion_id,
        coalesce(conversions.unit_id, credits.conversion_id),
        {{ month_of('credits.converted_on') }}, credits.channel,
        coalesce(credits.campaign_id, 'without_campaign')

),

removals as (

    select * from {{ ref('stg_models__attribution_effects') }}
    where model = 'markov' and replicate > 0 and channel != ''

),

drawn as (

    select
        credits.*,
        weights.replicate,
        weights.weight,
        credits.touches * coalesce(removals.value, 0) as removal,
        sum(credits.touches * coalesce(removals.value, 0)) over (
            partition by credits.conversion_id, weights.replicate
        ) as removals
    from credits
    inner join {{ ref('int_attribution_weights') }} as weights
        on credits.vertical = weights.vertical and credits.unit_id = weights.unit_id
    left join removals
        on
            credits.vertical = removals.vertical
            and credits.goal = removals.goal
            and credits.channel = removals.channel
            and weights.replicate = removals.replicate

)

select
    vertical,
    goal,
    month,
    channel,
    campaign_id,
    0 as replicate,
    {{ credit_columns('sum(credit_MODEL)') }}
from credits
group by vertical, goal, month, channel, campaign_id
union all
select
    vertical,
    goal,
    month,
    channel,
    campaign_id,
    replicate,
    {{ credit_columns(
        'sum(weight * credit_MODEL)',
        markov='sum(weight * case when removals > 0 then revenue * removal / removals '
        ~ 'else credit_markov end)'
    ) }}
from drawn
group by vertical, goal, month, channel, campaign_id, replicate
