with slots as (
    select
        vertical,
        concat_ws(': ', vertical, replace(content_type, '_', ' ')) as series,
        cast(date_trunc('month', planned_on) as date) as month,
        calendar_status,
        delay_days
    from marts.content_calendar
    where is_planned and calendar_status != 'open'
)

select
    vertical,
    series,
    month,
    count(*) filter (where calendar_status = 'on_time') / count(*) as share,
    count(*) as slots,
    count(*) filter (where calendar_status = 'late') as late,
    count(*) filter (where calendar_status = 'missed') as missed,
    max(delay_days) as longest_delay
from slots
where month > (select max(month) from slots) - interval 12 months
group by vertical, series, month
order by month, series
