select
    vertical,
    channel,
    month,
    sum(spend_base) as spend_base,
    sum(sourced_leads) as sourced_leads,
    sum(sourced_won_base) as sourced_won_base
from marts.campaign_performance
where spend_base is not null
    and month > (select max(month) from marts.campaign_performance) - interval 24 months
group by vertical, channel, month
order by vertical, channel, month
