{% set counts = sourced_counts() -%}
{% set visits = ['sessions', 'new_visitors', 'engaged_sessions'] -%}
with ad_months as (

    select * from {{ ref('int_ad_months') }}

),

outcomes as (

    select
        coalesce(campaign_id, 'without_campaign') as campaign_id,
        vertical,
        month,
        {% for measure in counts -%}
        cast(sum({{ measure }}) as bigint) as {{ measure }},
        {% endfor -%}
        sum(won_base) as won_known,
        sum(unknown_amounts) as unknown_amounts
    from {{ ref('int_sourced_outcomes') }}
    group by coalesce(campaign_id, 'without_campaign'), vertical, month

),

visits as (

    select
        {% for measure in visits -%}
        cast(sum({{ measure }}) as bigint) as {{ measure }},
        {% endfor -%}
        campaign_id,
        vertical,
        month
    from {{ ref('int_session_months') }}
    group by campaign_id, vertical, month

),

campaigns as (

    select * from {{ ref('int_campaign_channels') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

-- A campaign's months, whichever side knows them.
spine as (

    {% for side in ['ad_months', 'outcomes', 'visits'] -%}
    select
        campaign_id,
        vertical,
        month
    from {{ side }}
    {% if not loop.last %}union{% endif %}
    {% endfor %}
),

joined as (

    select
        spine.*,
        ad_months.impressions,
        ad_months.clicks,
        ad_months.platform_conversions,
        case when ad_months.unknown_spend = 0 then ad_months.spend_known end as spend_base,
        {% for measure in visits -%}
        coalesce(visits.{{ measure }}, 0) as {{ measure }},
        {% endfor -%}
        {% for measure in counts -%}
        coalesce(outcomes.{{ measure }}, 0) as {{ measure }},
        {% endfor -%}
        case when coalesce(outcomes.unknown_amounts, 0) = 0 then coalesce(outcomes.won_known, 0) end
            as won_base
    from spine
    {% for side in ['ad_months', 'outcomes', 'visits'] -%}
    left join {{ side }}
        on
            spine.campaign_id = {{ side }}.campaign_id
            and spine.vertical = {{ side }}.vertical
            and spine.month = {{ side }}.month
    {% endfor %}
)

select
    joined.campaign_id,
    joined.vertical,
    joined.month,
    campaigns.platform,
    campaigns.channel,
    reporting.base_currency as currency,
    joined.spend_base,
    joined.impressions,
    joined.clicks,
    joined.platform_conversions,
    {{ ratio('joined.clicks', 'joined.impressions') }} as click_rate,
    {{ ratio('joined.spend_base', 'joined.clicks') }} as cost_per_click_base,
    {% for measure in visits -%}
    joined.{{ measure }},
    {% endfor -%}
    {{ ratio('joined.spend_base', 'joined.sessions') }} as cost_per_session_base,
    {% for measure in counts -%}
    joined.{{ measure }} as sourced_{{ measure }},
    {% endfor -%}
    cast(joined.won_base as decimal(18, 4)) as sourced_won_base,
    {{ ratio('joined.spend_base', 'joined.leads') }} as cost_per_sourced_lead_base,
    {{ ratio('joined.spend_base', 'joined.new_customers') }} as cost_per_sourced_customer_base,
    {{ ratio('joined.won_base', 'joined.spend_base') }} as sourced_roas,
    {{ ratio('joined.won_base - joined.spend_base', 'joined.spend_base') }} as sourced_roi
from joined
cross join reporting
left join campaigns on joined.campaign_id = campaigns.campaign_id
