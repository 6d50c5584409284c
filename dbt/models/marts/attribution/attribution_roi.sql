with credits as (

    select
        vertical,
        {{ month_of('converted_on') }} as month,
        model,
        channel,
        coalesce(campaign_id, 'without_campaign') as campaign_id,
        sum(weight) as conversions,
        sum(credit_base) as credit_known,
        sum(case when is_new_customer then credit_base else 0 end) as new_known,
        count(*) - count(credit_base) as unknown_credits
    from {{ ref('attribution_credits') }}
    group by
        vertical, {{ month_of('converted_on') }}, model, channel,
        coalesce(campaign_id, 'without_campaign')

),

ads as (

    select * from {{ ref('int_ad_months') }}

),

-- Marketing costs that no campaign reports stand at their channel.
spends as (

    select
        vertical,
        month,
        channel,
        campaign_id,
        spend_known,
        unknown_spend
    from ads
    union all
    select
        vertical,
        month,
        channel,
        'without_campaign' as campaign_id,
        cost_known as spend_known,
        unknown_costs as unknown_spend
    from {{ ref('int_channel_costs') }}
    where cost_class = 'marketing'
    union all
    select
        vertical,
        month,
        channel,
        'without_campaign' as campaign_id,
        -spend_known as spend_known,
        -unknown_spend as unknown_spend
    from ads

),

spent as (

    select
        vertical,
        month,
        channel,
        campaign_id,
        sum(spend_known) as spend_known,
        sum(unknown_spend) as unknown_spend
    from spends
    group by vertical, month, channel, campaign_id
    having sum(spend_known) != 0 or sum(unknown_spend) != 0

),

-- A model's rows are those with credit and, in every model, those with spend.
spine as (

    select
        vertical,
        month,
        model,
        channel,
        campaign_id
    from credits
    union
    select
        spent.vertical,
        spent.month,
        models.model,
        spent.channel,
        spent.campaign_id
    from spent
    cross join {{ ref('stg_marketing__attribution_models') }} as models

),

joined as (

    select
        spine.*,
        coalesce(credits.conversions, 0e0) as conversions,
        case
            when coalesce(credits.unknown_credits, 0) = 0 then coalesce(credits.credit_known, 0)
        end as credit_base,
        case
            when coalesce(credits.unknown_credits, 0) = 0 then coalesce(credits.new_known, 0)
        end as new_credit_base,
        case when coalesce(spent.unknown_spend, 0) = 0 then coalesce(spent.spend_known, 0) end
            as spend_base
    from spine
    left join credits
        on
            spine.vertical = credits.vertical
            and spine.month = credits.month
            and spine.model = credits.model
            and spine.channel = credits.channel
            and spine.campaign_id = credits.campaign_id
    left join spent
        on
            spine.vertical = spent.vertical
            and spine.month = spent.month
            and spine.channel = spent.channel
            and spine.campaign_id = spent.campaign_id

)

select
    joined.vertical,
    joined.month,
    joined.model,
    joined.channel,
    joined.campaign_id,
    joined.conversions,
    cast(joined.credit_base as decimal(18, 4)) as credit_base,
    cast(joined.new_credit_base as decimal(18, 4)) as new_customer_credit_base,
    cast(joined.credit_base - joined.new_credit_base as decimal(18, 4))
        as existing_customer_credit_base,
    cast(joined.spend_base as decimal(18, 4)) as spend_base,
    reporting.base_currency as currency,
    case when joined.spend_base > 0 then joined.credit_base * 1e0 / joined.spend_base end as roas,
    case
        when joined.spend_base > 0
            then (joined.credit_base - joined.spend_base) * 1e0 / joined.spend_base
    end as roi
from joined
cross join {{ ref('stg_system__reporting') }} as reporting
