with spend as (

    select * from {{ ref('stg_ads__spend') }}

),

-- A campaign keeps its id when it is renamed: the latest name counts.
ad_campaigns as (

    select
        platform || '/' || account_id || '/' || campaign_id as campaign_id,
        platform,
        campaign_id as platform_campaign_id,
        max_by(campaign_name, spend_on) as campaign_name,
        max_by(vertical, spend_on) as vertical,
        min(spend_on) as first_on,
        max(spend_on) as last_on
    from spend
    group by platform, account_id, campaign_id

),

tagged_visits as (

    select
        utm_campaign,
        max(utm_source) as utm_source,
        max(utm_medium) as utm_medium,
        max(vertical) as vertical,
        min(occurred_on) as first_on,
        max(occurred_on) as last_on
    from {{ ref('fct_events') }}
    where utm_campaign is not null
    group by utm_campaign

),

known_names as (

    select platform_campaign_id as known_name from ad_campaigns
    union
    select campaign_name from ad_campaigns where campaign_name is not null

)

select
    campaign_id,
    platform,
    platform_campaign_id,
    campaign_name,
    vertical,
    'ad_spend' as campaign_source,
    first_on,
    last_on
from ad_campaigns
union all
select
    'utm//' || tagged_visits.utm_campaign as campaign_id,
    'utm' as platform,
    tagged_visits.utm_campaign as platform_campaign_id,
    tagged_visits.utm_campaign as campaign_name,
    tagged_visits.vertical,
    'utm' as campaign_source,
    tagged_visits.first_on,
    tagged_visits.last_on
from tagged_visits
left join known_names on tagged_visits.utm_campaign = known_names.known_name
where known_names.known_name is null
