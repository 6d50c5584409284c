{% set counts = sourced_counts() -%}
{% set visits = ['sessions', 'new_visitors', 'engaged_sessions'] -%}
with costs as (

    select
        vertical,
        month,
        channel,
        sum(cost_known) as cost_known,
        sum(case when cost_class = 'marketing' then cost_known else 0 end) as marketing_known,
        sum(unknown_costs) as unknown_costs
    from {{ ref('int_channel_costs') }}
    group by vertical, month, channel

),

ads as (

    select
        vertical,
        month,
        channel,
        sum(spend_known) as ad_spend_known,
        sum(unknown_spend) as unknown_spend,
        cast(sum(impressions) as bigint) as impressions,
        cast(sum(clicks) as bigint) as clicks
    from {{ ref('int_ad_months') }}
    group by vertical, month, channel

),

outcomes as (

    select
        vertical,
        month,
        channel,
        {% for measure in counts -%}
        cast(sum({{ measure }}) as bigint) as {{ measure }},
        {% endfor -%}
        sum(won_base) as won_known,
        sum(unknown_amounts) as unknown_amounts
    from {{ ref('int_sourced_outcomes') }}
    group by vertical, month, channel

),

visits as (

    select
        {% for measure in visits -%}
        cast(sum({{ measure }}) as bigint) as {{ measure }},
        {% endfor -%}
        vertical,
        month,
        channel
    from {{ ref('int_session_months') }}
    group by vertical, month, channel

),

-- A channel's months, whichever side knows them.
spine as (

    {% for side in ['costs', 'ads', 'outcomes', 'visits'] -%}
    select
        vertical,
        month,
        channel
    from {{ side }}
    {% if not loop.last %}union{% endif %}
    {% endfor %}
),

joined as (

    select
        spine.*,
        case when costs.unknown_costs = 0 then costs.cost_known end as cost_base,
        case when costs.unknown_costs = 0 then costs.marketing_known end as marketing_cost_base,
        case when ads.unknown_spend = 0 then ads.ad_spend_known end as ad_spend_base,
        ads.impressions,
        ads.clicks,
        {% for measure in visits -%}
        coalesce(visits.{{ measure }}, 0) as {{ measure }},
        {% endfor -%}
        {% for measure in counts -%}
        coalesce(outcomes.{{ measure }}, 0) as {{ measure }},
        {% endfor -%}
        case when coalesce(outcomes.unknown_amounts, 0) = 0 then coalesce(outcomes.won_known, 0) end
            as won_base
    from spine
    {% for side in ['costs', 'ads', 'outcomes', 'visits'] -%}
    left join {{ side }}
        on
            spine.vertical = {{ side }}.vertical
            and spine.month = {{ side }}.month
            and spine.channel = {{ side }}.channel
    {% endfor %}
)

select
    joined.vertical,
    joined.channel,
    joined.month,
    reporting.base_currency as currency,
    cast(joined.cost_base as decimal(18, 4)) as cost_base,
    cast(joined.marketing_cost_base as decimal(18, 4)) as marketing_cost_base,
    cast(joined.ad_spend_base as decimal(18, 4)) as ad_spend_base,
    joined.impressions,
    joined.clicks,
    {{ ratio('joined.clicks', 'joined.impressions') }} as click_rate,
    {{ ratio('joined.ad_spend_base', 'joined.clicks') }} as cost_per_click_base,
    {% for measure in visits -%}
    joined.{{ measure }},
    {% endfor -%}
    {{ ratio('joined.cost_base', 'joined.sessions') }} as cost_per_session_base,
    {% for measure in counts -%}
    joined.{{ measure }} as sourced_{{ measure }},
    {% endfor -%}
    cast(joined.won_base as decimal(18, 4)) as sourced_won_base,
    {{ ratio('joined.cost_base', 'joined.leads') }} as cost_per_sourced_lead_base,
    {{ ratio('joined.cost_base', 'joined.new_customers') }} as cost_per_sourced_customer_base,
    {{ ratio('joined.won_base - joined.cost_base', 'joined.cost_base') }} as sourced_roi
from joined
cross join {{ ref('stg_system__reporting') }} as reporting
