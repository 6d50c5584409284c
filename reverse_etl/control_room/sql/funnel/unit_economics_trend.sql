select metric_name, month, vertical, value, unit
from marts.kpi_monthly
where metric in ('cac_full', 'cac_marketing', 'ltv', 'ltv_to_cac', 'payback_months')
    and metric_window = 'trailing_12m'
    and window_months = 12
    and is_complete
    and status = 'measured'
    and month > (select max(month) from marts.kpi_monthly) - interval 25 months
order by metric = 'ltv_to_cac' desc, metric_name, vertical = 'company' desc, vertical, month
