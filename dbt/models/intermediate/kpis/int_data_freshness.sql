-- One row per month and window with landed files: the 95th percentile of the minutes from a file's
-- landing to the as_of of the run that took it in.
with p95 as (

    {{ p95_by_window(ref('int_landed_files'), 'landed_month', 'minutes_to_run') }}

)

select
    month,
    metric_window,
    all_values as files,
    values_within as files_within,
    p95 as p95_minutes
from p95
