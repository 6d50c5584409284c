{{ config(materialized='view') }}

-- One row per vertical, month, channel and cost class of actual costs, each euro once. A line of
-- channel paid_media pays the ad platforms: what they report goes to their campaigns' channels, and
-- paid_media keeps the rest, below 0 where they report more than was booked.
with costs as (

    select
        vertical,
        cost_month as month,
        coalesce(channel, 'unassigned') as channel,
        cost_class,
        amount_base
    from {{ ref('fct_costs_monthly') }}
    where scenario = 'actual'

),

spend as (

    select
        coalesce(spend.vertical, 'unassigned') as vertical,
        {{ month_of('spend.spend_on') }} as month,
        campaigns.channel,
        spend.spend_base
    from {{ ref('fct_ad_spend_daily') }} as spend
    inner join {{ ref('int_campaign_channels') }} as campaigns
        on spend.campaign_id = campaigns.campaign_id
    where spend.spend is not null

),

parts as (

    select * from costs
    union all
    select
        vertical,
        month,
        channel,
        'marketing' as cost_class,
        spend_base as amount_base
    from spend
    union all
    select
        vertical,
        month,
        'paid_media' as channel,
        'marketing' as cost_class,
        -spend_base as amount_base
    from spend

)

select
    vertical,
    month,
    channel,
    cost_class,
    cast(coalesce(sum(amount_base), 0) as decimal(18, 4)) as cost_known,
    cast(count(*) - count(amount_base) as bigint) as unknown_costs
from parts
group by vertical, month, channel, cost_class
