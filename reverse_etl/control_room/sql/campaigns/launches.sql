select
    launches.launched_at,
    campaigns.campaign_name,
    campaigns.vertical,
    launches.occurrence,
    launches.status,
    launches.reason,
    launches.planned_at,
    launches.contacts,
    launches.sent,
    launches.underway,
    launches.unknown,
    launches.not_sent
from marts.campaign_launches as launches
left join marts.campaigns as campaigns on launches.campaign = campaigns.campaign
qualify row_number() over (
    partition by campaigns.vertical
    order by launches.launched_at desc, launches.planned_at desc, campaigns.campaign_name
) <= 60
order by launches.launched_at desc, launches.planned_at desc, campaigns.campaign_name
