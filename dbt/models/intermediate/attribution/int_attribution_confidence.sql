-- One row per scope, month and window with conversions: the confidence score's parts, and the
-- revenue that marketing is credited with. What has nothing to be measured on is empty.
with facts as (

    select
        vertical as scope,
        *
    from {{ ref('int_attribution_facts') }}
    union all
    select
        'company' as scope,
        *
    from {{ ref('int_attribution_facts') }}

),

summed as (

    select
        facts.scope,
        windows.month,
        windows.metric_window,
        sum(facts.conversions) as conversions,
        sum(facts.unknown_revenue) as unknown_revenue,
        cast(sum(facts.revenue) as double) as revenue,
        cast(sum(facts.identified_revenue) as double) as identified_revenue,
        cast(sum(facts.covered_revenue) as double) as covered_revenue,
        cast(sum(facts.influenced_revenue) as double) as influenced_revenue,
        cast(sum(facts.marketing_credit) as double) as marketing_credit,
        sum(facts.touches) as touches,
        sum(facts.good_touches) as good_touches,
        case when sum(facts.unbalanced) = 0 then 1 else 0 end as conservation
    from facts
    inner join {{ ref('int_reporting_windows') }} as windows on facts.month = windows.window_month
    group by facts.scope, windows.month, windows.metric_window
    having sum(facts.conversions) > 0

),

-- 1 less half the width of each channel's interval, of no channel more than its share.
stability as (

    select
        scope,
        month,
        metric_window,
        1 - sum(least(share, (share_high - share_low) / 2)) as stability
    from {{ source('lake', 'attribution_intervals') }}
    where month is not null
    group by scope, month, metric_window

),

parts as (

    select
        summed.*,
        {{ ratio('summed.identified_revenue', 'summed.revenue') }} as identity,
        {{ ratio('summed.covered_revenue', 'summed.revenue') }} as coverage,
        {{ ratio('summed.good_touches', 'summed.touches') }} as quality,
        stability.stability,
        agreement.agreement
    from summed
    left join stability
        on
            summed.scope = stability.scope
            and summed.month = stability.month
            and summed.metric_window = stability.metric_window
    left join {{ ref('int_attribution_agreement') }} as agreement
        on
            summed.scope = agreement.scope
            and summed.month = agreement.month
            and summed.metric_window = agreement.metric_window

)

select
    parts.*,
    100 * parts.conservation * (
        settings.weight_identity * parts.identity
        + settings.weight_coverage * parts.coverage
        + settings.weight_quality * parts.quality
        + settings.weight_stability * parts.stability
        + settings.weight_agreement * parts.agreement
    ) as score
from parts
cross join {{ ref('stg_marketing__attribution_settings') }} as settings
