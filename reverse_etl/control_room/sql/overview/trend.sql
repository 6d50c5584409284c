with planned as (
    select distinct metric from marts.kpi_monthly where target_value is not null
)

select metric_name, month, vertical, value, unit, value_low, value_high
from marts.kpi_monthly
where is_complete
    and metric_window = 'month'
    and status = 'measured'
    and metric in (select metric from planned)
    and month > (select max(month) from marts.kpi_monthly where is_complete) - interval 24 months
order by metric_name = 'MRR' desc, metric_name, vertical, month
