{{ config(materialized='view') }}

-- One row per scope, month and window with credit: 1 less the sum over channels of half the
-- interval's width, of no channel more than its share. Small channels count as one.
with replicates as (

    select
        vertical,
        month,
        channel,
        replicate,
        sum(
            case settings.primary_model
                {% for model in attribution_models() -%}
                when '{{ model }}' then replicates.credit_{{ model }}
                {% endfor %}
            end
        ) as credit
    from {{ ref('int_attribution_replicates') }} as replicates
    cross join {{ ref('stg_marketing__attribution_settings') }} as settings
    group by vertical, month, channel, replicate

),

windowed as (

    select
        case when scopes.is_company then 'company' else replicates.vertical end as scope,
        windows.month,
        windows.metric_window,
        replicates.channel,
        replicates.replicate,
        sum(replicates.credit) as credit
    from replicates
    inner join {{ ref('int_reporting_windows') }} as windows
        on replicates.month = windows.window_month
    cross join (select false as is_company union all select true as is_company) as scopes
    group by
        case when scopes.is_company then 'company' else replicates.vertical end,
        windows.month, windows.metric_window, replicates.channel, replicates.replicate

),

small as (

    select
        scope,
        month,
        metric_window,
        channel
    from (
        select
            *,
            sum(credit) over (partition by scope, month, metric_window) as total
        from windowed
        where replicate = 0
    ) as credited
    cross join {{ ref('stg_marketing__attribution_settings') }} as settings
    where credited.credit < settings.pooled_share * credited.total

),

pooled as (

    select
        windowed.scope,
        windowed.month,
        windowed.metric_window,
        windowed.replicate,
        case when small.channel is null then windowed.channel else 'pooled' end as name,
        sum(windowed.credit) as credit
    from windowed
    left join small
        on
            windowed.scope = small.scope
            and windowed.month = small.month
            and windowed.metric_window = small.metric_window
            and windowed.channel = small.channel
    group by
        windowed.scope, windowed.month, windowed.metric_window, windowed.replicate,
        case when small.channel is null then windowed.channel else 'pooled' end

),

totalled as (

    select
        *,
        sum(credit) over (partition by scope, month, metric_window, replicate) as total
    from pooled

),

drawn as (

    select
        scope,
        month,
        metric_window,
        count(distinct case when replicate > 0 then replicate end) as replicates
    from totalled
    where total > 0
    group by scope, month, metric_window

),

-- Replicates without a row of the channel gave it nothing: they stand before the others.
placed as (

    select
        totalled.*,
        totalled.credit / totalled.total as share,
        drawn.replicates,
        drawn.replicates + row_number() over name_of_window - count(*) over (
            partition by
                totalled.scope, totalled.month, totalled.metric_window, totalled.name,
                totalled.replicate = 0
        ) as place
    from totalled
    inner join drawn
        on
            totalled.scope = drawn.scope
            and totalled.month = drawn.month
            and totalled.metric_window = drawn.metric_window
    where totalled.total > 0
    window name_of_window as (
        partition by
            totalled.scope, totalled.month, totalled.metric_window, totalled.name,
            totalled.replicate = 0
        order by totalled.credit / totalled.total
    )

),

{% set drawn_share = "case when placed.replicate > 0 then placed.share else 0 end" -%}
spread as (

    select
        placed.scope,
        placed.month,
        placed.metric_window,
        placed.name,
        max(case when placed.replicate = 0 then placed.share end) as share,
        (
            {{ value_at_share(drawn_share, 'placed.place', 'placed.replicates', '(1 + settings.level) / 2') }}
            - {{ value_at_share(drawn_share, 'placed.place', 'placed.replicates', '(1 - settings.level) / 2') }}
        ) / 2 as half_width
    from placed
    cross join {{ ref('stg_marketing__attribution_settings') }} as settings
    group by placed.scope, placed.month, placed.metric_window, placed.name

)

select
    scope,
    month,
    metric_window,
    1 - sum(least(share, half_width)) as stability
from spread
where share is not null
group by scope, month, metric_window
