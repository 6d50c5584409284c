with spend as (

    select * from {{ ref('stg_ads__spend') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

-- A platform's own report names no vertical: the campaign has the one it was last given.
verticals as (

    select
        platform,
        account_id,
        campaign_id,
        vertical
    from spend
    where vertical is not null
    qualify row_number() over (
        partition by platform, account_id, campaign_id
        order by spend_on desc
    ) = 1

)

select
    spend.platform || '/' || spend.account_id || '/' || spend.campaign_id as campaign_id,
    spend.platform,
    spend.spend_on,
    coalesce(spend.vertical, verticals.vertical) as vertical,
    spend.spend,
    spend.currency,
    {{ to_base('spend.spend', 'spend.currency', 'reporting.base_currency', 'fx.rate') }}
        as spend_base,
    spend.impressions,
    spend.clicks,
    spend.platform_conversions
from spend
cross join reporting
left join verticals
    on
        spend.platform = verticals.platform
        and spend.account_id = verticals.account_id
        and spend.campaign_id = verticals.campaign_id
left join {{ ref('int_fx_rates_daily') }} as fx
    on spend.currency = fx.currency and spend.spend_on = fx.valid_on
