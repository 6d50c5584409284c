-- One row per month and window in which the CRM's API gave changes: the 95th percentile of the
-- minutes from a change in the CRM to its landing.
with versions as (

    select * from {{ ref('int_crm_waits') }}

),

ranked as (

    select
        windows.month,
        windows.metric_window,
        versions.minutes_to_land as minutes,
        row_number() over (
            partition by windows.month, windows.metric_window order by versions.minutes_to_land
        ) as place,
        count(*) over (partition by windows.month, windows.metric_window) as versions
    from versions
    inner join {{ ref('int_reporting_windows') }} as windows
        on versions.landed_month = windows.window_month

)

-- The smallest value with at least 95 % of the values at its place or before.
select
    month,
    metric_window,
    versions,
    min(place) as versions_within,
    min(minutes) as p95_minutes
from ranked
where place * 100 >= versions * 95
group by month, metric_window, versions
