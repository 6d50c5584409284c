select
    vertical,
    metric_name,
    unit,
    value,
    baseline_value,
    change,
    target_value,
    target_status,
    nullif(baseline_kind, 'none') as baseline_kind,
    value_low,
    value_high
from marts.abm_metrics
order by vertical != 'company', vertical, position
