-- One row per month and window with landed files: the 95th percentile of the minutes from a file's
-- landing to the as_of of the run that took it in.
with files as (

    select * from {{ ref('int_landed_files') }}

),

ranked as (

    select
        windows.month,
        windows.metric_window,
        files.minutes_to_run as minutes,
        row_number() over (
            partition by windows.month, windows.metric_window order by files.minutes_to_run
        ) as place,
        count(*) over (partition by windows.month, windows.metric_window) as files
    from files
    inner join {{ ref('int_reporting_windows') }} as windows
        on files.landed_month = windows.window_month

)

-- The smallest value with at least 95 % of the values at its place or before.
select
    month,
    metric_window,
    files,
    min(place) as files_within,
    min(minutes) as p95_minutes
from ranked
where place * 100 >= files * 95
group by month, metric_window, files
