with measures as (
    select
        measured.model,
        split_part(measured.slice, '=', 2) as feature,
        measured.measured_at,
        max(measured.value) filter (measured.metric = 'psi') as psi,
        bool_or(measured.is_drifted) filter (measured.metric = 'psi') as is_drifted,
        max(measured.value) filter (measured.metric = 'missing_share') as missing_share
    from marts.model_performance as measured
    inner join marts.ml_models as models
        on measured.model = models.model and measured.version = models.version
    where models.is_scoring
        and measured.metric_window = 'scoring'
        and measured.slice like 'feature=%'
    group by measured.model, feature, measured.measured_at
    qualify dense_rank() over (
        partition by measured.model order by measured.measured_at desc
    ) <= 12
),

largest as (
    select
        model,
        feature,
        row_number() over (partition by model order by psi desc, feature) as place
    from measures
    qualify measured_at = max(measured_at) over (partition by model)
)

select
    measures.model,
    measures.feature,
    cast(measures.measured_at as date) as measured_on,
    measures.psi,
    measures.is_drifted,
    measures.missing_share
from measures
inner join largest
    on measures.model = largest.model and measures.feature = largest.feature
where largest.place <= 20
order by measures.model, largest.place, measures.measured_at
