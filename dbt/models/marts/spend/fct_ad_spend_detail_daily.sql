with campaign_days as (

    select * from {{ ref('fct_ad_spend_daily') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

details as (

    select
        platform || '/' || account_id || '/' || campaign_id as campaign_id,
        platform,
        spend_on,
        ad_group_id,
        ad_group_name,
        ad_id,
        ad_name,
        spend,
        currency,
        impressions,
        clicks,
        platform_conversions
    from {{ ref('stg_ads__spend_details') }}

),

detailed_days as (

    select distinct
        campaign_id,
        spend_on
    from details

),

-- What a campaign spent on a day, less each detail of it. A day whose campaign report is not
-- there has nothing to compare with.
parts as (

    select
        campaign_days.campaign_id,
        campaign_days.platform,
        campaign_days.spend_on,
        campaign_days.currency,
        campaign_days.spend
    from campaign_days
    inner join detailed_days
        on
            campaign_days.campaign_id = detailed_days.campaign_id
            and campaign_days.spend_on = detailed_days.spend_on
    where campaign_days.spend is not null
    union all
    select
        details.campaign_id,
        details.platform,
        details.spend_on,
        details.currency,
        -details.spend as spend
    from details
    inner join campaign_days
        on
            details.campaign_id = campaign_days.campaign_id
            and details.spend_on = campaign_days.spend_on
    where campaign_days.spend is not null

),

all_levels as (

    select
        *,
        'ad' as level
    from details
    union all
    -- By currency, so that amounts are never mixed.
    select
        campaign_id,
        platform,
        spend_on,
        null as ad_group_id,
        null as ad_group_name,
        null as ad_id,
        null as ad_name,
        cast(sum(spend) as decimal(18, 4)) as spend,
        currency,
        null as impressions,
        null as clicks,
        null as platform_conversions,
        'unallocated' as level
    from parts
    group by campaign_id, platform, spend_on, currency
    having sum(spend) <> 0

)

select
    all_levels.campaign_id,
    all_levels.platform,
    all_levels.spend_on,
    all_levels.level,
    all_levels.ad_group_id,
    all_levels.ad_group_name,
    all_levels.ad_id,
    all_levels.ad_name,
    campaign_days.vertical,
    all_levels.spend,
    all_levels.currency,
    {{ to_base('all_levels.spend', 'all_levels.currency', 'reporting.base_currency', 'fx.rate') }}
        as spend_base,
    all_levels.impressions,
    all_levels.clicks,
    all_levels.platform_conversions
from all_levels
cross join reporting
left join campaign_days
    on
        all_levels.campaign_id = campaign_days.campaign_id
        and all_levels.spend_on = campaign_days.spend_on
left join {{ ref('int_fx_rates_daily') }} as fx
    on all_levels.currency = fx.currency and all_levels.spend_on = fx.valid_on
