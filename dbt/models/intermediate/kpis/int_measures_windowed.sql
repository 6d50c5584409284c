-- One row per scope, month, window and measure: the sum over the window's months and the values
-- of its first and last month. NULL where an amount in it could not be converted.
select
    measures.scope,
    windows.month,
    windows.metric_window,
    measures.measure,
    max(windows.window_months) as window_months,
    case when sum(measures.unknown) = 0 then cast(sum(measures.value) as double) end
        as sum_value,
    case
        when sum(case when windows.is_first then measures.unknown else 0 end) = 0
            then cast(sum(case when windows.is_first then measures.value else 0 end) as double)
    end as first_value,
    case
        when sum(case when windows.is_last then measures.unknown else 0 end) = 0
            then cast(sum(case when windows.is_last then measures.value else 0 end) as double)
    end as last_value
from {{ ref('int_measures_monthly') }} as measures
inner join {{ ref('int_reporting_windows') }} as windows
    on measures.month = windows.window_month
group by measures.scope, windows.month, windows.metric_window, measures.measure
