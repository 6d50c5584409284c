{{ config(materialized='view') }}

with matured as (

    select
        executions.status,
        {{ month_of(local_time('executions.entered_at', 'reporting.time_zone')) }} as month
    from {{ ref('int_matured_executions') }} as executions
    cross join {{ ref('stg_system__reporting') }} as reporting

)

select
    windows.month,
    windows.metric_window,
    count(*) filter (where matured.status = 'completed') as completed,
    count(*) as ended
from matured
inner join {{ ref('int_reporting_windows') }} as windows on matured.month = windows.window_month
group by windows.month, windows.metric_window
