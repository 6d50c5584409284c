select
    model,
    version,
    metric_window,
    slice,
    metric,
    value,
    low,
    high,
    baseline_age,
    baseline_constant,
    rows as measured_rows,
    detail,
    as_of as measured_at,
    sequence as measurement_number
from {{ source('lake', 'model_metrics') }}
qualify
    row_number() over (
        partition by model, version, metric_window, slice, metric, as_of order by sequence desc
    ) = 1
