-- One row per campaign, vertical and month with a report of its ad platform.
with spend as (

    select * from {{ ref('fct_ad_spend_daily') }}

)

select
    spend.campaign_id,
    coalesce(spend.vertical, 'unassigned') as vertical,
    {{ month_of('spend.spend_on') }} as month,
    campaigns.channel,
    cast(coalesce(sum(spend.spend_base), 0) as decimal(18, 4)) as spend_known,
    cast(count(spend.spend) - count(spend.spend_base) as bigint) as unknown_spend,
    cast(sum(spend.impressions) as bigint) as impressions,
    cast(sum(spend.clicks) as bigint) as clicks,
    cast(sum(spend.platform_conversions) as double) as platform_conversions
from spend
inner join {{ ref('int_campaign_channels') }} as campaigns
    on spend.campaign_id = campaigns.campaign_id
group by
    spend.campaign_id,
    coalesce(spend.vertical, 'unassigned'),
    {{ month_of('spend.spend_on') }},
    campaigns.channel
