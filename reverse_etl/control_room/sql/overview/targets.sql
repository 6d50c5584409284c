select
    vertical,
    metric_name,
    metric_window,
    month,
    value,
    unit,
    direction,
    target_value,
    lag(value) over figure as before,
    target_status
from marts.kpi_monthly
where is_complete
window figure as (partition by vertical, metric, metric_window order by month)
qualify target_value is not null and status = 'measured' and month = max(month) over ()
order by vertical, metric_name, metric_window
