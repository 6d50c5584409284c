-- What this run knows of the runs before it: those that published, and when each had done so.
select
    run_id,
    max(as_of) as as_of,
    min(finished_at) as published_at
from {{ source('lake', 'earlier_runs') }}
where step = 'published' and status = 'succeeded'
group by run_id
