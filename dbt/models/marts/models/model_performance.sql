with metrics as (

    select * from {{ ref('stg_models__metrics') }}

),

versions as (

    select * from {{ ref('stg_models__versions') }}

)

select
    metrics.model,
    metrics.version,
    versions.subject_type,
    metrics.metric_window,
    metrics.slice,
    metrics.metric,
    metrics.value,
    metrics.low,
    metrics.high,
    metrics.baseline_age,
    metrics.baseline_constant,
    metrics.measured_rows,
    case
        when metrics.metric = 'psi' then coalesce(metrics.detail = 'drifted', false)
    end as is_drifted,
    case when metrics.metric != 'psi' then metrics.detail end as detail,
    metrics.measured_at,
    row_number() over (
        partition by
            metrics.model, metrics.version, metrics.metric_window, metrics.slice, metrics.metric
        order by metrics.measured_at desc
    ) = 1 as is_latest
from metrics
inner join versions
    on metrics.model = versions.model and metrics.version = versions.version
