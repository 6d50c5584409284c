with runs as (
    select
        min(started_at) as started_at,
        round(date_diff('millisecond', min(started_at), max(finished_at)) / 60000, 1) as took,
        any_value(as_of) as as_of,
        count(*) as steps,
        count(*) filter (status = 'failed') as failed,
        count(*) filter (status = 'skipped') as skipped
    from marts.run_log
    -- The last run's record is written before these.
    where step not in ('run_log_export', 'dbt_run_record', 'published')
    group by run_id
    order by started_at desc
    limit 100
)

select started_at, took, as_of, steps, failed, skipped
from runs
order by started_at
