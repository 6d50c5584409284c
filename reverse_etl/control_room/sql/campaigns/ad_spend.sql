with reported as (
    select *
    from marts.campaign_performance
    where campaign_id in (
        select campaign_id from marts.campaign_performance where impressions is not null
    )
        and month > (select max(month) from marts.campaign_performance) - interval 24 months
)

select
    vertical,
    channel,
    month,
    if(
        count(*) filter (where impressions is not null and spend_base is null) = 0,
        coalesce(sum(spend_base), 0),
        null
    ) as spend_base,
    sum(sourced_leads) as sourced_leads,
    if(count(*) = count(sourced_won_base), sum(sourced_won_base), null) as sourced_won_base
from reported
group by vertical, channel, month
order by vertical, channel, month
