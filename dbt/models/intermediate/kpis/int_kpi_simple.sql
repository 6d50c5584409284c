{{ config(materialized='view') }}

-- One row per scope, month, window and metric of the kinds flow, stock, ratio and throughput: what
-- the seed kpi_metrics says, applied to the windowed measures.
with metrics as (

    select * from {{ ref('kpi_metrics') }}

),

measures as (

    select * from {{ ref('int_measures_windowed') }}

),

long as (

    select
        scope,
        month,
        metric_window,
        measure,
        'sum' as aggregate,
        sum_value as value
    from measures
    union all
    select
        scope,
        month,
        metric_window,
        measure,
        'first' as aggregate,
        first_value as value
    from measures
    union all
    select
        scope,
        month,
        metric_window,
        measure,
        'last' as aggregate,
        last_value as value
    from measures

),

simple as (

    select
        numerators.scope,
        numerators.month,
        numerators.metric_window,
        metrics.metric,
        metrics.kind,
        numerators.value as numerator,
        denominators.value as denominator
    from metrics
    inner join long as numerators
        on
            metrics.numerator = numerators.measure
            and metrics.numerator_aggregate = numerators.aggregate
    left join long as denominators
        on
            metrics.denominator = denominators.measure
            and metrics.denominator_aggregate = denominators.aggregate
            and numerators.scope = denominators.scope
            and numerators.month = denominators.month
            and numerators.metric_window = denominators.metric_window
    where
        metrics.kind in ('flow', 'stock')
        or (metrics.kind in ('ratio', 'throughput') and denominators.measure is not null)

),

-- The company's throughput is that of the verticals which have both stages.
comparable as (

    select * from simple
    where kind <> 'throughput' or scope <> 'company'
    union all
    select
        'company' as scope,
        month,
        metric_window,
        metric,
        kind,
        sum(numerator) as numerator,
        sum(denominator) as denominator
    from simple
    where kind = 'throughput' and scope <> 'company'
    group by month, metric_window, metric, kind

)

select
    scope,
    month,
    metric_window,
    metric,
    case
        when kind in ('ratio', 'throughput') then {{ ratio('numerator', 'denominator') }}
        else numerator
    end as value,
    numerator,
    denominator
from comparable
