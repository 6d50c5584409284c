{{ config(materialized='view') }}

-- One row per scope, month and window with credit: 1 less the sum over channels of half the
-- interval's width, of no channel more than its share. Small channels count as one.
with totalled as (

    select * from {{ ref('int_attribution_pooled') }}

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
            {{ value_at_share(
                drawn_share, 'placed.place', 'placed.replicates', '(1 + settings.level) / 2'
            ) }}
            - {{ value_at_share(
                drawn_share, 'placed.place', 'placed.replicates', '(1 - settings.level) / 2'
            ) }}
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
