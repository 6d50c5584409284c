select
    vertical,
    month,
    metric_name,
    if(metric in ('contraction_mrr', 'churn_mrr'), 0 - value, value) as value
from marts.kpi_monthly
where metric in ('new_mrr', 'reactivation_mrr', 'expansion_mrr', 'contraction_mrr', 'churn_mrr')
    and metric_window = 'month'
    and is_complete
    and status = 'measured'
    and month > (select max(month) from marts.kpi_monthly) - interval 25 months
order by
    vertical = 'company' desc,
    vertical,
    case metric
        when 'new_mrr' then 1
        when 'reactivation_mrr' then 2
        when 'expansion_mrr' then 3
        when 'contraction_mrr' then 4
        else 5
    end,
    month
