select
    campaign_name,
    vertical,
    written_to,
    converted,
    conversion_rate,
    followed_revenue_base,
    cost_base,
    followed_roi,
    incremental_conversions,
    incremental_revenue,
    incremental_roi,
    learnings
from marts.campaign_scorecard
where written_to > 0
order by written_to desc, campaign_name
