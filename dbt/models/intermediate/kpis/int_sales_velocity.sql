-- One row per scope, month and window: qualified opportunities x win rate x average value / cycle.
-- Win rate and value are those of the new deals closed in the window, the cycle the median of the
-- customers won in it. Undefined where one of the four is, or where a won amount lacks its rate.
with windows as (

    select * from {{ ref('int_reporting_windows') }}

),

qualified as (

    select
        scope,
        month,
        metric_window,
        sum_value as qualified
    from {{ ref('int_measures_windowed') }}
    where measure = 'sqls'

),

scopes as (

    {{ vertical_scopes() }}

),

closed as (

    select
        scopes.scope,
        windows.month,
        windows.metric_window,
        count(*) as closed,
        sum(case when deals.is_won then 1 else 0 end) as won,
        sum(case when deals.is_won and deals.amount_base is null then 1 else 0 end) as unvalued,
        avg(case when deals.is_won then cast(deals.amount_base as double) end) as average_value
    from {{ ref('fct_deals') }} as deals
    inner join scopes on deals.vertical = scopes.vertical
    inner join windows on {{ month_of('deals.closed_on') }} = windows.window_month
    where
        (deals.is_won or deals.is_lost)
        and coalesce(deals.deal_type <> 'existingbusiness', true)
    group by scopes.scope, windows.month, windows.metric_window

),

cycles as (

    select
        scopes.scope,
        windows.month,
        windows.metric_window,
        median(won_cycles.cycle_days) as cycle_days
    from {{ ref('int_won_cycles') }} as won_cycles
    inner join scopes on won_cycles.vertical = scopes.vertical
    inner join windows on {{ month_of('won_cycles.won_on') }} = windows.window_month
    group by scopes.scope, windows.month, windows.metric_window

)

select
    qualified.scope,
    qualified.month,
    qualified.metric_window,
    qualified.qualified * {{ ratio('closed.won', 'closed.closed') }}
    * case when closed.unvalued = 0 then closed.average_value end as expected_value,
    cycles.cycle_days
from qualified
inner join closed
    on
        qualified.scope = closed.scope
        and qualified.month = closed.month
        and qualified.metric_window = closed.metric_window
inner join cycles
    on
        qualified.scope = cycles.scope
        and qualified.month = cycles.month
        and qualified.metric_window = cycles.metric_window
