-- One row per landed file that a run took in: the as_of of that run. It is the first to publish of
-- the runs whose as_of is not before the landing, this run being the last. By the order of
-- publishing and not of as_of, so that a later run back to a past day changes no file's answer.
with receipts as (

    select * from {{ ref('stg_system__load_receipts') }}

),

runs as (

    select
        published_at,
        min(as_of) as as_of
    from {{ ref('stg_system__published_runs') }}
    group by published_at

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

-- Files and runs in one order of time: of a file, the runs are those behind it. A file stands a
-- second earlier than it landed (landed_by).
timeline as (

    select
        landing_file,
        landed_at,
        landed_at - interval '1' second as stands_at,
        cast(null as timestamp) as published_at
    from receipts
    where landed_at is not null
    union all
    select
        null as landing_file,
        null as landed_at,
        as_of as stands_at,
        published_at
    from runs

),

followed as (

    select
        landing_file,
        landed_at,
        min(published_at) over (
            order by stands_at range between current row and unbounded following
        ) as first_published_at
    from timeline

),

taken_in as (

    select
        followed.landing_file,
        followed.landed_at,
        {{ month_of(local_time('followed.landed_at', 'run_context.time_zone')) }} as landed_month,
        coalesce(runs.as_of, run_context.as_of) as as_of
    from followed
    cross join run_context
    left join runs on followed.first_published_at = runs.published_at
    where followed.landing_file is not null

)

select
    landing_file,
    landed_at,
    landed_month,
    as_of as taken_in_as_of,
    greatest({{ seconds_between('landed_at', 'as_of') }}, 0e0) / 60e0 as minutes_to_run
from taken_in
where {{ landed_by('landed_at', 'as_of') }}
