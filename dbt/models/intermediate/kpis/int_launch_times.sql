{{ config(materialized='view') }}

with launched as (

    select
        {{ seconds_between('campaigns.first_in_force_at', 'campaigns.first_queued_at') }} / 60e0
            as minutes,
        {{ month_of(local_time('campaigns.first_queued_at', 'reporting.time_zone')) }} as month
    from {{ ref('campaigns') }} as campaigns
    cross join {{ ref('stg_system__reporting') }} as reporting
    where campaigns.first_queued_at is not null

)

select
    windows.month,
    windows.metric_window,
    median(launched.minutes) as median_minutes,
    sum(launched.minutes) as minutes,
    count(*) as campaigns
from launched
inner join {{ ref('int_reporting_windows') }} as windows on launched.month = windows.window_month
group by windows.month, windows.metric_window
