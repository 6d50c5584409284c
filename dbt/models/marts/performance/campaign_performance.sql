{% set counts = sourced_counts() -%}
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

campaigns as (

    select * from {{ ref('int_campaign_channels') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

joined as (

    select
        coalesce(ad_months.campaign_id, outcomes.campaign_id) as campaign_id,
        coalesce(ad_months.vertical, outcomes.vertical) as vertical,
        coalesce(ad_months.month, outcomes.month) as month,
        ad_months.impressions,
        ad_months.clicks,
        ad_months.platform_conversions,
        case when ad_months.unknown_spend = 0 then ad_months.spend_known end as spend_base,
        {% for measure in counts -%}
        coalesce(outcomes.{{ measure }}, 0) as {{ measure }},
        {% endfor -%}
        case when coalesce(outcomes.unknown_amounts, 0) = 0 then coalesce(outcomes.won_known, 0) end
            as won_base
    from ad_months
    full join outcomes
        on
            ad_months.campaign_id = outcomes.campaign_id
            and ad_months.vertical = outcomes.vertical
            and ad_months.month = outcomes.month

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
