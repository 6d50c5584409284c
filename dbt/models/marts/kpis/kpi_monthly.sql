with metrics as (

    select * from {{ ref('kpi_metrics') }}

),

months as (

    select * from {{ ref('int_months') }}

),

windows as (

    select
        month,
        metric_window,
        max(window_months) as window_months
    from {{ ref('int_reporting_windows') }}
    group by month, metric_window

),

kpi_values as (

    select * from {{ ref('int_kpi_values') }}

),

-- A metric is measured in a scope as soon as its source has given one value there.
measured as (

    select distinct
        scope,
        metric
    from kpi_values

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

scopes as (

    select vertical as scope from {{ ref('stg_marketing__verticals') }}
    union
    select distinct scope from kpi_values
    union
    select 'company' as scope

),

compared as (

    select
        scopes.scope,
        months.month,
        metrics.metric,
        metrics.metric_name,
        windows.metric_window,
        windows.window_months,
        kpi_values.value,
        kpi_values.numerator,
        kpi_values.denominator,
        kpi_values.value_low,
        kpi_values.value_high,
        measured.metric is not null as has_source,
        metrics.unit,
        case when metrics.unit = 'money' then reporting.base_currency end as currency,
        targets.target_id,
        targets.target_value,
        coalesce(targets.direction, metrics.direction) as direction,
        targets.period as target_period,
        case when reporting.has_plan and months.plan_year >= 1 then months.plan_year end
            as plan_year,
        months.plan_month,
        months.is_complete
    from months
    cross join reporting
    cross join scopes
    cross join metrics
    inner join windows on months.month = windows.month
    left join kpi_values
        on
            scopes.scope = kpi_values.scope
            and months.month = kpi_values.month
            and windows.metric_window = kpi_values.metric_window
            and metrics.metric = kpi_values.metric
    left join measured on scopes.scope = measured.scope and metrics.metric = measured.metric
    left join {{ ref('int_kpi_target_months') }} as targets
        on
            scopes.scope = targets.scope
            and months.month = targets.month
            and windows.metric_window = targets.metric_window
            and metrics.metric = targets.metric

)

select
    scope as vertical,
    month,
    metric,
    metric_name,
    metric_window,
    window_months,
    value,
    numerator,
    denominator,
    value_low,
    value_high,
    unit,
    currency,
    case
        when not has_source then 'not_yet_measured'
        when value is null then 'undefined'
        else 'measured'
    end as status,
    target_id,
    target_value,
    direction,
    case
        when target_value is null then 'no_target'
        -- A month still running, a year's total before its end, a window not yet full.
        when
            value is null
            or not is_complete
            or (
                plan_month < 12
                and (
                    target_period = 'year_end'
                    or (target_period = 'year' and metric_window = 'ytd')
                )
            )
            or (metric_window = 'trailing_12m' and window_months < 12)
            then 'open'
        when direction = 'at_least' and value >= target_value then 'met'
        when direction = 'at_most' and value <= target_value then 'met'
        when direction = 'above' and value > target_value then 'met'
        when direction = 'below' and value < target_value then 'met'
        else 'missed'
    end as target_status,
    plan_year,
    is_complete
from compared
