with months as (
    select
        vertical,
        metric_name,
        month,
        value,
        unit,
        median(value) over before as usual,
        count(value) over before as months_before
    from marts.kpi_monthly
    where is_complete and metric_window = 'month' and status = 'measured'
    window before as (
        partition by vertical, metric
        order by month
        range between interval 6 month preceding and interval 1 month preceding
    )
)

select vertical, metric_name, value, unit, usual, value / usual - 1 as change
from months
where month = (select max(month) from months) and usual > 0 and months_before >= 3
qualify row_number() over (partition by vertical order by abs(value / usual - 1) desc, metric_name) <= 10
order by abs(value / usual - 1) desc, vertical, metric_name
