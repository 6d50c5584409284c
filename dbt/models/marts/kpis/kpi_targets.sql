with targets as (

    select * from {{ ref('stg_marketing__kpi_targets') }}

),

fx as (

    select
        currency,
        max_by(rate, valid_on) as rate
    from {{ ref('int_fx_rates_daily') }}
    group by currency

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

)

select
    targets.target_id,
    targets.position,
    targets.scope,
    targets.profile,
    targets.metric,
    targets.unit,
    targets.currency,
    targets.direction,
    targets.period,
    targets.metric_window,
    targets.plan_year,
    targets.plan_start_on,
    targets.target_value,
    case
        when targets.currency is null or targets.currency = reporting.base_currency
            then targets.target_value
        else targets.target_value * cast(fx.rate as double)
    end as target_value_base,
    row_number() over (
        partition by targets.scope, targets.metric, targets.metric_window, targets.plan_year
        order by targets.position
    ) = 1 as is_primary,
    targets.source_note
from targets
cross join reporting
left join fx on targets.currency = fx.currency
