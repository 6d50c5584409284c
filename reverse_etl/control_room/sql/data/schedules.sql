select
    schedule,
    month,
    avg(case when outcome = 'succeeded' then 1 else 0 end) as held,
    count(*) as due,
    count(*) filter (outcome = 'late') as late,
    count(*) filter (outcome in ('failed', 'canceled', 'unfinished')) as failed,
    count(*) filter (outcome = 'missed') as missed,
    round(median(waited_seconds) / 60, 1) as median_wait
from marts.scheduled_runs
where outcome not in ('open', 'skipped', 'unknown')
    and month > (select max(month) from marts.scheduled_runs) - interval 24 month
group by schedule, month
order by month, schedule
