select
    coalesce(named.campaign_name, returns.name) as campaign_name,
    returns.scope as vertical,
    named.platform,
    returns.spend_base,
    returns.spend_share,
    case when returns.is_safe then 'agreed' when not returns.is_safe then 'contested' else 'not seen' end
        as ranking,
    returns.best_place,
    returns.worst_place,
    returns.lowest_roas,
    returns.highest_roas
from marts.attribution_disagreement as returns
left join marts.dim_campaigns as named on returns.name = named.campaign_id
where returns.level = 'campaign' and returns.scope != 'company'
qualify row_number() over (
    partition by returns.scope order by returns.spend_base desc, returns.name
) <= 100
order by returns.scope, returns.spend_base desc, returns.name
