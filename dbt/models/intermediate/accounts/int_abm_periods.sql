{{ config(materialized='view') }}

-- One row per period that abm_metrics compares, in local days [from_on, to_on): the baseline, and
-- as many days before as_of.
with settings as (

    select
        settings.*,
        run_context.as_of_on
    from {{ ref('stg_marketing__account_settings') }} as settings
    cross join {{ ref('stg_system__run_context') }} as run_context

)

select
    'current' as period,
    as_of_on - period_days as from_on,
    as_of_on as to_on
from settings
union all
select
    'baseline' as period,
    baseline_starts_on as from_on,
    baseline_starts_on + period_days as to_on
from settings
where baseline_starts_on is not null and baseline_starts_on + period_days <= as_of_on
