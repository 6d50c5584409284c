{{ config(materialized='view') }}

with evaluations as (

    select
        accuracy.sample_correct,
        accuracy.sample_members,
        {{ month_of(local_time('accuracy.evaluated_at', 'reporting.time_zone')) }} as month
    from {{ ref('segment_accuracy') }} as accuracy
    cross join {{ ref('stg_system__reporting') }} as reporting

)

select
    windows.month,
    windows.metric_window,
    sum(evaluations.sample_correct) as correct,
    sum(evaluations.sample_members) as used
from evaluations
inner join {{ ref('int_reporting_windows') }} as windows
    on evaluations.month = windows.window_month
group by windows.month, windows.metric_window
