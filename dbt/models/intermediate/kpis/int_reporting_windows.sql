-- One row per month, window ending there (month, ytd from the plan year's start, trailing_12m)
-- and month inside that window. Joining it to monthly rows gives every window's sum.
with months as (

    select * from {{ ref('int_months') }}

),

members as (

    select
        months.month,
        'month' as metric_window,
        months.month as window_month
    from months
    union all
    select
        months.month,
        'ytd' as metric_window,
        earlier.month as window_month
    from months
    inner join months as earlier
        on months.plan_year = earlier.plan_year and months.month >= earlier.month
    union all
    select
        months.month,
        'trailing_12m' as metric_window,
        earlier.month as window_month
    from months
    inner join months as earlier
        on
            months.month >= earlier.month
            and earlier.month > {{ add_months('months.month', -12) }}

)

select
    month,
    metric_window,
    window_month,
    window_month = min(window_month) over (partition by month, metric_window) as is_first,
    window_month = month as is_last,
    count(*) over (partition by month, metric_window) as window_months
from members
