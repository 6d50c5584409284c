with last_run as (
    select max_by(run_id, started_at) as run_id from marts.run_log
),

usual as (
    select step, median(duration_ms) as usual_ms
    from marts.run_log
    where status = 'succeeded' and run_id <> (select run_id from last_run)
    group by step
),

steps as (
    select
        step,
        duration_ms,
        row_count,
        status,
        detail,
        row_number() over (order by duration_ms desc, step) as place
    from marts.run_log
    where run_id = (select run_id from last_run)
)

select step, duration_ms, usual_ms, row_count, status, detail
from steps
left join usual using (step)
where place <= 25 or status = 'failed'
order by place
