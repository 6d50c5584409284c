with labels (position, figure, metric_name, unit) as (
    values
    (1, 'ltv_to_cac', 'LTV to CAC', 'times'),
    (2, 'payback_months', 'CAC payback', 'months'),
    (3, 'cac_full', 'CAC, marketing and sales', 'money'),
    (4, 'cac_marketing', 'CAC, marketing only', 'money'),
    (5, 'cac_deduplicated', 'CAC without lines counted twice', 'money'),
    (6, 'cac_lagged', 'CAC with lagged costs', 'money'),
    (7, 'ltv', 'LTV', 'money'),
    (8, 'ltv_observed', 'LTV observed so far', 'money'),
    (9, 'arpa', 'ARPA per month', 'money'),
    (10, 'gross_margin', 'Gross margin', 'ratio'),
    (11, 'logo_churn', 'Logo churn per month', 'ratio'),
    (12, 'new_customers', 'New customers', 'count')
),

windows as (
    select * from marts.unit_economics where metric_window = 'trailing_12m'
),

figures as (
    select vertical, month, window_months, figure, value
    from windows
    unpivot include nulls (
        value for figure in (
            ltv_to_cac,
            payback_months,
            cac_full,
            cac_marketing,
            cac_deduplicated,
            cac_lagged,
            ltv,
            ltv_observed,
            arpa,
            gross_margin,
            logo_churn,
            new_customers
        )
    )
),

followed as (
    select *, lag(value, 12) over (partition by vertical, figure order by month) as year_before
    from figures
)

select
    followed.vertical,
    labels.metric_name,
    followed.month,
    followed.value,
    labels.unit,
    followed.year_before,
    followed.window_months
from followed
inner join labels on followed.figure = labels.figure
where followed.month = (select max(month) from marts.kpi_monthly where is_complete)
order by followed.vertical = 'company' desc, followed.vertical, labels.position
