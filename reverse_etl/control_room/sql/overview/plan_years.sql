select
    vertical,
    plan_year,
    metric_name,
    metric_window,
    target_value,
    value,
    unit,
    month,
    target_status
from marts.kpi_monthly
where is_complete and target_value is not null
qualify month = max(month) over (partition by plan_year)
order by plan_year desc, vertical, metric_name, metric_window
