with months as (
    select
        vertical,
        metric_name,
        month,
        value,
        unit,
        median(value) over (
            partition by vertical, metric order by month rows between 6 preceding and 1 preceding
        ) as usual
    from marts.kpi_monthly
    where is_complete and metric_window = 'month' and status = 'measured'
)

select vertical, metric_name, value, unit, usual, value / usual - 1 as change
from months
where month = (select max(month) from months) and usual > 0
qualify row_number() over (partition by vertical order by abs(value / usual - 1) desc, metric_name) <= 10
order by abs(value / usual - 1) desc, vertical, metric_name
