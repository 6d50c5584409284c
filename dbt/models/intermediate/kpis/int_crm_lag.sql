-- One row per month and window in which the CRM's API gave changes: the 95th percentile of the
-- minutes from a change in the CRM to its landing.
with p95 as (

    {{ p95_by_window(ref('int_crm_waits'), 'landed_month', 'minutes_to_land') }}

)

select
    month,
    metric_window,
    all_values as versions,
    values_within as versions_within,
    p95 as p95_minutes
from p95
