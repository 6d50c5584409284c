-- The latest restatement of each platform, account, campaign, ad group, ad and day.
with spend_details as (

    select *
    from {{ source('lake', 'ad_spend_details') }}
    qualify row_number() over (
        partition by platform, account_id, campaign_id, ad_group_id, ad_id, spend_on
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    platform,
    coalesce(account_id, '') as account_id,
    campaign_id,
    ad_group_id,
    ad_group_name,
    ad_id,
    ad_name,
    spend_on,
    spend,
    currency,
    impressions,
    clicks,
    platform_conversions,
    known_at
from spend_details
