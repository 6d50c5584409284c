-- One row per scope: the median days from a unit's first funnel stage to becoming a customer,
-- and the same in whole months, by which cac_lagged shifts costs.
with entries as (

    select * from {{ ref('int_funnel_entries') }}

),

cycles as (

    select
        first_entries.vertical,
        {{ seconds_between('first_entries.entered_at', 'paid_entries.entered_at') }} / 86400e0
            as cycle_days
    from entries as first_entries
    inner join entries as paid_entries
        on
            first_entries.vertical = paid_entries.vertical
            and first_entries.unit_id = paid_entries.unit_id
            and paid_entries.metric = 'new_customers'
    where first_entries.position = 1 and not first_entries.is_imputed

),

scoped as (

    select
        vertical as scope,
        cycle_days
    from cycles
    union all
    select
        'company' as scope,
        cycle_days
    from cycles

)

select
    scope,
    median(cycle_days) as median_cycle_days,
    cast(round(median(cycle_days) / 30.4375) as integer) as lag_months,
    count(*) as cycles
from scoped
group by scope
