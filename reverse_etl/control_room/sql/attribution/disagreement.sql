select
    scope as vertical,
    name as channel,
    spend_base,
    spend_share,
    case when is_safe then 'agreed' when not is_safe then 'contested' else 'not seen' end as ranking,
    best_place,
    worst_place,
    lowest_roas,
    lowest_model,
    highest_roas,
    highest_model
from marts.attribution_disagreement
where level = 'channel'
order by scope = 'company' desc, scope, spend_base desc, name
