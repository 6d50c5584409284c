select
    intervals.scope as vertical,
    intervals.name as channel,
    intervals.model,
    intervals.share,
    intervals.share_low,
    intervals.share_high,
    intervals.place,
    intervals.rank_stability
from marts.attribution_intervals as intervals
inner join marts.attribution_models as models on intervals.model = models.model
where intervals.level = 'channel'
order by
    intervals.scope = 'company' desc,
    intervals.scope,
    max(intervals.share) filter (where models.is_primary)
        over (partition by intervals.scope, intervals.name) desc nulls last,
    intervals.name,
    models.position
