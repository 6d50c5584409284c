with fx_rates as (

    select * from {{ ref('int_fx_rates_daily') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

final as (

    select
        run_context.base_currency as currency,
        true as is_base,
        cast(1 as double) as base_per_unit,
        run_context.as_of_on as rate_on
    from run_context

    union all

    select
        fx_rates.currency,
        false as is_base,
        cast(fx_rates.rate as double) as base_per_unit,
        fx_rates.rate_on
    from fx_rates
    inner join run_context
        on fx_rates.valid_on = run_context.as_of_on
    where fx_rates.currency <> run_context.base_currency

)

select * from final
