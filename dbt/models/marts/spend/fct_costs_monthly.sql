with costs as (

    select * from {{ ref('stg_finance__costs') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

cost_lines as (

    select
        costs.vertical,
        costs.cost_month,
        costs.line,
        costs.scenario,
        costs.cost_class,
        costs.channel,
        costs.amount,
        costs.currency,
        {{ to_base('costs.amount', 'costs.currency', 'run_context.base_currency', 'fx.rate') }}
            as amount_base
    from costs
    cross join run_context
    -- A month's costs are converted at its last day, those of a month not over at as_of's.
    left join {{ ref('int_fx_rates_daily') }} as fx
        on
            costs.currency = fx.currency
            and least({{ add_months('costs.cost_month', 1) }} - 1, run_context.as_of_on)
            = fx.valid_on

),

paid_media as (

    select distinct
        vertical,
        cost_month
    from cost_lines
    where channel = 'paid_media' and scenario = 'actual'

),

spend_months as (

    select
        coalesce(vertical, 'unassigned') as vertical,
        {{ month_of('spend_on') }} as cost_month,
        -- One unconverted amount leaves the month unknown.
        case when count(spend) = count(spend_base) then sum(spend_base) end as amount_base
    from {{ ref('fct_ad_spend_daily') }}
    group by coalesce(vertical, 'unassigned'), {{ month_of('spend_on') }}

)

select
    *,
    false as is_from_ad_spend
from cost_lines
union all
select
    spend_months.vertical,
    spend_months.cost_month,
    'ad_spend' as line,
    'actual' as scenario,
    'marketing' as cost_class,
    'paid_media' as channel,
    cast(spend_months.amount_base as decimal(18, 4)) as amount,
    run_context.base_currency as currency,
    cast(spend_months.amount_base as decimal(18, 4)) as amount_base,
    true as is_from_ad_spend
from spend_months
cross join run_context
left join paid_media
    on
        spend_months.vertical = paid_media.vertical
        and spend_months.cost_month = paid_media.cost_month
where paid_media.vertical is null
