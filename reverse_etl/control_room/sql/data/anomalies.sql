select
    measured_on,
    vertical,
    coalesce(campaign_name, subject) as subject,
    metric,
    value,
    case
        when is_share then 'ratio'
        when metric in ('ad_spend', 'order_revenue') then 'money'
        else 'count'
    end as unit,
    expected,
    z,
    q,
    lasts_days,
    is_level_shift
from marts.anomalies
order by measured_on desc, q, subject, metric
