select
    measures.model,
    max(measures.value) filter (measures.metric = 'predicted') as predicted,
    max(measures.value) filter (measures.metric = 'observed') as observed,
    max(measures.low) filter (measures.metric = 'observed') as observed_low,
    max(measures.high) filter (measures.metric = 'observed') as observed_high,
    max(measures.measured_rows) as measured_rows
from marts.model_performance as measures
inner join marts.ml_models as models
    on measures.model = models.model and measures.version = models.version
where models.is_scoring
    and measures.is_latest
    and measures.metric_window = 'test'
    and measures.slice like 'decile=%'
group by measures.model, measures.slice
order by measures.model, cast(split_part(measures.slice, '=', 2) as integer)
