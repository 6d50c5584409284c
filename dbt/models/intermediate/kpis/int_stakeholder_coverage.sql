{{ config(materialized='view') }}

-- One row per scope and window of the month of as_of: role coverage summed over the target
-- accounts. Earlier months have none, since it is not known who was engaged then.
with coverage as (

    select
        vertical,
        role_coverage
    from {{ ref('account_coverage') }}
    where is_target and role_coverage is not null

),

scoped as (

    select
        vertical as scope,
        role_coverage
    from coverage
    union all
    select
        'company' as scope,
        role_coverage
    from coverage

),

windows as (

    select distinct
        windows.month,
        windows.metric_window
    from {{ ref('int_reporting_windows') }} as windows
    inner join {{ ref('stg_system__run_context') }} as run_context
        on windows.month = run_context.as_of_month

)

select
    scoped.scope,
    windows.month,
    windows.metric_window,
    sum(scoped.role_coverage) as role_coverage,
    count(*) as accounts
from scoped
cross join windows
group by scoped.scope, windows.month, windows.metric_window
