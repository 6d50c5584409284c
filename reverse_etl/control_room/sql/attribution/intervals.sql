select
    intervals.model,
    intervals.scope as vertical,
    intervals.name as channel,
    intervals.share,
    intervals.share_low,
    intervals.share_high,
    intervals.interval_level,
    intervals.rank_stability,
    intervals.replicates
from marts.attribution_intervals as intervals
inner join marts.attribution_models as models on intervals.model = models.model
where intervals.level = 'channel' and (models.is_primary or models.is_compared)
order by
    models.is_primary desc,
    models.position,
    max(intervals.share) over (partition by intervals.model, intervals.name) desc,
    intervals.name,
    intervals.scope = 'company' desc,
    intervals.scope
