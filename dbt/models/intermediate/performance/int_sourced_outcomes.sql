-- One row per vertical, month, channel and campaign of the source: units that entered the funnel's
-- stages, deals created and won. Summed over sources the stages are those of kpi_monthly.
with entries as (

    select * from {{ ref('int_funnel_entries') }}
    where metric is not null

),

deals as (

    select * from {{ ref('int_deal_sources') }}

),

outcomes as (

    select
        entries.vertical,
        entries.entered_month as month,
        coalesce(sources.channel, 'unknown') as channel,
        sources.campaign_id,
        {% for metric in sourced_entries() -%}
        case when entries.metric = '{{ metric }}' then 1 else 0 end as {{ metric }},
        {% endfor -%}
        0 as deals_created,
        0 as deals_won,
        0 as won_base,
        0 as unknown_amounts
    from entries
    left join {{ ref('int_unit_sources') }} as sources
        on entries.vertical = sources.vertical and entries.unit_id = sources.unit_id
    union all
    select
        vertical,
        {{ month_of('created_on') }} as month,
        channel,
        campaign_id,
        {% for metric in sourced_entries() -%}
        0 as {{ metric }},
        {% endfor -%}
        1 as deals_created,
        0 as deals_won,
        0 as won_base,
        0 as unknown_amounts
    from deals
    where created_on is not null
    union all
    select
        vertical,
        {{ month_of('won_on') }} as month,
        channel,
        campaign_id,
        {% for metric in sourced_entries() -%}
        0 as {{ metric }},
        {% endfor -%}
        0 as deals_created,
        1 as deals_won,
        coalesce(amount_base, 0) as won_base,
        case when amount is not null and amount_base is null then 1 else 0 end as unknown_amounts
    from deals
    where is_won

)

select
    vertical,
    month,
    channel,
    campaign_id,
    {% for measure in sourced_counts() -%}
    cast(sum({{ measure }}) as bigint) as {{ measure }},
    {% endfor -%}
    cast(sum(won_base) as decimal(18, 4)) as won_base,
    cast(sum(unknown_amounts) as bigint) as unknown_amounts
from outcomes
group by vertical, month, channel, campaign_id
