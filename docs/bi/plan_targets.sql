-- question: Which targets of the plan were met in the last whole month, and by how much?
-- grain: one row per vertical, metric and window that has a target
-- caveat: company is a row of its own, never a sum of the others; a ratio of 0.05 is 5 %
select
    vertical,
    metric_name,
    metric_window,
    unit,
    currency,
    value,
    target_value,
    value - target_value as difference,
    direction,
    target_status
from marts.kpi_monthly
where status = 'measured'
    and target_value is not null
    and is_complete
    and month = (
        select max(month) from marts.kpi_monthly
        where status = 'measured' and target_value is not null and is_complete
    )
order by vertical, metric_name, metric_window;
