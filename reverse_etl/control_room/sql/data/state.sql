with last_run as (
    select step, status, started_at, finished_at
    from marts.run_log
    where run_id = (select max_by(run_id, started_at) from marts.run_log)
),

rejected as (
    select count(*) as refused from marts.rejected_rows
),

landed as (
    select sum(row_count) as landed_rows from marts.watermarks where hop = 'landing'
),

figures as (
    select
        count(*) filter (is_equal is not null) as compared,
        count(*) filter (not is_equal) as unequal
    from marts.reconciliation
),

said as (
    select
        1 as place,
        'Steps of the last run that failed' as label,
        count(*) filter (status = 'failed') as value,
        'count' as unit,
        count(*) as counted_of,
        if(value = 0, 'passed', 'failed') as status
    from last_run
    union all
    select
        2,
        'Duration of the last run',
        round(date_diff('millisecond', min(started_at), max(finished_at)) / 60000, 1),
        'minutes',
        null,
        null
    from last_run
    union all
    select
        3,
        'Landed rows that were refused',
        refused / nullif(landed_rows, 0),
        'ratio',
        landed_rows,
        null
    from rejected, landed
    union all
    select
        4,
        'Figures that marts show differently',
        unequal,
        'count',
        compared,
        if(unequal = 0, 'passed', 'failed')
    from figures
    union all
    select 5, 'Findings about the plan', count(*), 'count', null, null
    from marts.plan_findings
    union all
    select 6, 'Days out of the ordinary', count(*), 'count', null, null
    from marts.anomalies
)

select label, value, unit, counted_of, status
from said
where (select count(*) from last_run) > 0
order by place
