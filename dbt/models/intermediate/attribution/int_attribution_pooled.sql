{{ config(materialized='view') }}

-- One row per scope, month, window, replicate and channel, small ones as one: the primary model's
-- credit.
with replicates as (

    select
        replicates.vertical,
        replicates.month,
        replicates.channel,
        replicates.replicate,
        sum(
            case settings.primary_model
                {% for model in attribution_models() -%}
                when '{{ model }}' then replicates.credit_{{ model }}
                {% endfor %}
            end
        ) as credit
    from {{ ref('int_attribution_replicates') }} as replicates
    cross join {{ ref('stg_marketing__attribution_settings') }} as settings
    group by
        replicates.vertical, replicates.month, replicates.channel, replicates.replicate

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
    cross join ({{ vertical_and_company() }}) as scopes
    group by
        case when scopes.is_company then 'company' else replicates.vertical end,
        windows.month, windows.metric_window, replicates.channel, replicates.replicate

),

small as (

    select
        credited.scope,
        credited.month,
        credited.metric_window,
        credited.channel
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

)

select
    *,
    sum(credit) over (partition by scope, month, metric_window, replicate) as total
from pooled
