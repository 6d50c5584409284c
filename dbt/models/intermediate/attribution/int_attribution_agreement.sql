{{ config(materialized='view') }}

-- One row per scope, month and window with credit: 1 less the mean distance (total variation)
-- between the channel shares of each pair of compared models.
with compared as (

    select model from {{ ref('stg_marketing__attribution_models') }} where is_compared

),

credits as (

    select
        case when scopes.is_company then 'company' else credits.vertical end as scope,
        windows.month,
        windows.metric_window,
        credits.channel,
        credits.model,
        sum(credits.credit) as credit
    from (
        select
            vertical,
            {{ month_of('converted_on') }} as month,
            channel,
            model,
            cast(sum(credit_base) as double) as credit
        from {{ ref('attribution_credits') }}
        group by vertical, {{ month_of('converted_on') }}, channel, model
    ) as credits
    inner join compared on credits.model = compared.model
    inner join {{ ref('int_reporting_windows') }} as windows on credits.month = windows.window_month
    cross join ({{ vertical_and_company() }}) as scopes
    where credits.credit is not null
    group by
        case when scopes.is_company then 'company' else credits.vertical end,
        windows.month, windows.metric_window, credits.channel, credits.model

),

shares as (

    select
        *,
        credit / nullif(sum(credit) over (partition by scope, month, metric_window, model), 0)
            as share
    from credits

),

distances as (

    select
        shares.scope,
        shares.month,
        shares.metric_window,
        sum(abs(shares.share - others.share)) / 2 as distance
    from shares
    inner join shares as others
        on
            shares.scope = others.scope
            and shares.month = others.month
            and shares.metric_window = others.metric_window
            and shares.channel = others.channel
            and shares.model < others.model
    group by shares.scope, shares.month, shares.metric_window, shares.model, others.model

)

select
    scope,
    month,
    metric_window,
    1 - avg(distance) as agreement
from distances
group by scope, month, metric_window
having avg(distance) is not null
