with spent as (
    select
        campaign_id,
        vertical,
        channel,
        any_value(platform) as platform,
        -- What one month spent is not known: nor is the sum. A month without a report spent nothing.
        if(
            count(*) filter (where impressions is not null and spend_base is null) = 0,
            sum(spend_base),
            null
        ) as spend_base,
        sum(sessions) as sessions,
        sum(sourced_leads) as sourced_leads,
        sum(sourced_new_customers) as sourced_new_customers,
        if(count(*) = count(sourced_won_base), sum(sourced_won_base), null) as sourced_won_base
    from marts.campaign_performance
    where campaign_id != 'without_campaign'
        and month <= (select max(month) from marts.kpi_monthly where is_complete)
        and month > (
            select max(month) from marts.kpi_monthly where is_complete
        ) - interval 12 months
    group by campaign_id, vertical, channel
)

select
    named.campaign_name,
    spent.vertical,
    spent.platform,
    spent.channel,
    spent.spend_base,
    spent.sessions,
    spent.sourced_leads,
    spent.sourced_new_customers,
    spent.sourced_won_base,
    spent.spend_base / nullif(spent.sourced_leads, 0) as cost_per_lead,
    spent.spend_base / nullif(spent.sourced_new_customers, 0) as cost_per_customer,
    (spent.sourced_won_base - spent.spend_base) / nullif(spent.spend_base, 0) as roi
from spent
left join marts.dim_campaigns as named on spent.campaign_id = named.campaign_id
qualify row_number() over (
    partition by spent.vertical
    order by spent.spend_base desc nulls last, spent.sourced_won_base desc nulls last, spent.campaign_id
) <= 60
order by spent.spend_base desc nulls last, spent.sourced_won_base desc nulls last, named.campaign_name
