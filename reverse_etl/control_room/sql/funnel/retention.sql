select
    vertical,
    cohort_month,
    age_months,
    customers,
    retained_customers,
    logo_retention,
    logo_retention_low,
    logo_retention_high,
    net_revenue_retention
from marts.cohort_retention
where age_months > 0
    and cohort_month >= (select max(month) from marts.cohort_retention) - interval 24 months
order by vertical, cohort_month desc, age_months
