-- Details and what is unallocated add up to what the campaign spent on the day, in its currency
-- and in no other.
with campaign_days as (

    select * from {{ ref('fct_ad_spend_daily') }}

),

summed as (

    select
        campaign_days.campaign_id,
        campaign_days.spend_on,
        campaign_days.spend,
        sum(
            case
                when details.currency is not distinct from campaign_days.currency
                    then details.spend
                else 0
            end
        ) as same_currency,
        sum(
            case
                when details.currency is distinct from campaign_days.currency then details.spend
                else 0
            end
        ) as other_currencies
    from {{ ref('fct_ad_spend_detail_daily') }} as details
    inner join campaign_days
        on
            details.campaign_id = campaign_days.campaign_id
            and details.spend_on = campaign_days.spend_on
    where campaign_days.spend is not null
    group by campaign_days.campaign_id, campaign_days.spend_on, campaign_days.spend

)

select *
from summed
where same_currency <> spend or other_currencies <> 0
