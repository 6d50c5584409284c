{{ config(materialized='view') }}

-- One row per month and window with values of critical fields: all of them, and the invalid ones.
select
    windows.month,
    windows.metric_window,
    cast(sum(fields.checked_values) as bigint) as checked_values,
    cast(sum(fields.missing_values + fields.refused_values) as bigint) as invalid_values
from {{ ref('int_critical_fields') }} as fields
inner join {{ ref('int_reporting_windows') }} as windows on fields.month = windows.window_month
group by windows.month, windows.metric_window
