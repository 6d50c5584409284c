-- The latest restatement of each platform, account, campaign and day.
with spend as (

    select *
    from {{ source('lake', 'ad_spend') }}
    qualify row_number() over (
        partition by platform, account_id, campaign_id, spend_on
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    platform,
    coalesce(account_id, '') as account_id,
    campaign_id,
    campaign_name,
    vertical,
    spend_on,
    spend,
    currency,
    impressions,
    clicks,
    platform_conversions,
    known_at
from spend
