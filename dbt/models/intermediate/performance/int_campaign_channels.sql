-- One row per campaign: its channel, by the platform that reports its spend, else by the utm_medium
-- its visits carry most often.
with campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

channels as (

    select * from {{ ref('stg_marketing__source_channels') }}

),

mediums as (

    select
        utm_campaign,
        lower(utm_medium) as utm_medium
    from {{ ref('fct_events') }}
    where utm_campaign is not null and utm_medium is not null
    group by utm_campaign, lower(utm_medium)
    qualify row_number() over (
        partition by utm_campaign order by count(*) desc, lower(utm_medium)
    ) = 1

)

select
    campaigns.campaign_id,
    campaigns.platform,
    lower(campaigns.platform_campaign_id) as platform_campaign_id,
    lower(campaigns.campaign_name) as campaign_name,
    coalesce(campaigns.vertical, 'unassigned') as vertical,
    coalesce(by_platform.channel, by_medium.channel, 'unknown') as channel
from campaigns
left join channels as by_platform
    on lower(campaigns.platform) = by_platform.word and by_platform.kind = 'platform'
left join mediums
    on
        campaigns.platform_campaign_id = mediums.utm_campaign
        and campaigns.campaign_source = 'utm'
left join channels as by_medium
    on mediums.utm_medium = by_medium.word and by_medium.kind = 'medium'
