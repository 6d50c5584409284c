-- One row per month and window with requests to the collector: the smallest upper bound of a bucket
-- at which 99 % of the window's requests are reached. Buckets sum over months as they are.
with requests as (

    select * from {{ ref('stg_system__collector_requests') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

localised as (

    select
        {{ month_of(local_time('requests.occurred_at', 'reporting.time_zone')) }} as month,
        requests.up_to_ms,
        requests.requests
    from requests
    cross join reporting
    where requests.requests > 0

),

monthly as (

    select
        month,
        up_to_ms,
        sum(requests) as requests
    from localised
    group by month, up_to_ms

),

windowed as (

    select
        windows.month,
        windows.metric_window,
        monthly.up_to_ms,
        sum(monthly.requests) as requests
    from monthly
    inner join {{ ref('int_reporting_windows') }} as windows on monthly.month = windows.window_month
    group by windows.month, windows.metric_window, monthly.up_to_ms

),

cumulated as (

    select
        month,
        metric_window,
        up_to_ms,
        cast(
            sum(requests) over (
                partition by month, metric_window
                order by up_to_ms
                rows between unbounded preceding and current row
            ) as bigint
        ) as requests_within,
        cast(sum(requests) over (partition by month, metric_window) as bigint) as requests
    from windowed

)

select
    month,
    metric_window,
    requests,
    min(requests_within) as requests_within,
    min(up_to_ms) as p99_ms
from cumulated
where requests_within * 100 >= requests * 99
group by month, metric_window, requests
