-- question: What does a customer cost by the channel of its first lead?
-- grain: one row per vertical and channel, over the last twelve whole months
-- caveat: a customer counts where its lead came from, whatever came later; see attribution.sql
with months as (
    select distinct month from marts.kpi_monthly where is_complete
),

last_months as (
    select month from months order by month desc limit 12
)

select
    vertical,
    channel,
    currency,
    sum(cost_base) as cost,
    sum(sessions) as sessions,
    sum(sourced_leads) as leads,
    sum(sourced_new_customers) as new_customers,
    sum(sourced_won_base) as won,
    sum(cost_base) / nullif(sum(sourced_leads), 0) as cost_per_lead,
    sum(cost_base) / nullif(sum(sourced_new_customers), 0) as cost_per_customer
from marts.channel_performance
where month in (select month from last_months)
group by vertical, channel, currency
order by vertical, cost desc nulls last, channel;
