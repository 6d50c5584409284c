with tested as (
    select
        measures.model,
        measures.slice,
        max(measures.value) filter (measures.metric = 'auc') as auc,
        max(measures.low) filter (measures.metric = 'auc') as auc_low,
        max(measures.high) filter (measures.metric = 'auc') as auc_high,
        max(measures.baseline_age) filter (measures.metric = 'auc') as auc_of_age,
        max(measures.value) filter (measures.metric = 'positives') as outcomes
    from marts.model_performance as measures
    inner join marts.ml_models as models
        on measures.model = models.model and measures.version = models.version
    where models.is_scoring
        and measures.is_latest
        and measures.metric_window = 'test'
        and (measures.slice = 'all' or measures.slice like 'vertical=%')
    group by measures.model, measures.slice
)

select
    replace(model, '_', ' ')
    || if(slice = 'all', '', ', ' || replace(split_part(slice, '=', 2), '_', ' ')) as name,
    unnest(['model', 'days since the last activity']) as ranking,
    unnest([auc, auc_of_age]) as auc,
    unnest([auc_low, null]) as auc_low,
    unnest([auc_high, null]) as auc_high,
    outcomes
from tested
where auc is not null
order by model, slice <> 'all', slice, ranking desc
