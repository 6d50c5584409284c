{{ config(materialized='view') }}

-- One row per conversion of known worth, channel and campaign: each model's credit, and the number
-- that the weights of its unit are drawn from. What replicates are computed from.
with conversions as (

    select
        conversion_id,
        vertical,
        coalesce(unit_id, conversion_id) as unit_id,
        cast(revenue_base as double) as revenue
    from {{ ref('int_attribution_conversions') }}
    where revenue_base is not null

),

credits as (

    select
        conversion_id,
        vertical,
        goal,
        {{ month_of('converted_on') }} as month,
        channel,
        coalesce(campaign_id, 'without_campaign') as campaign_id,
        count(case when model = 'linear' then 1 end) as touches,
        {{ credit_columns("cast(sum(case when model = 'MODEL' then credit_base end) as double)") }}
    from {{ ref('attribution_credits') }}
    group by
        conversion_id, vertical, goal, {{ month_of('converted_on') }}, channel,
        coalesce(campaign_id, 'without_campaign')

)

select
    credits.*,
    conversions.revenue,
    {{ unit_number('conversions.vertical', 'conversions.unit_id', 'settings.seed') }} as unit_number
from credits
inner join conversions on credits.conversion_id = conversions.conversion_id
cross join {{ ref('stg_marketing__attribution_settings') }} as settings
