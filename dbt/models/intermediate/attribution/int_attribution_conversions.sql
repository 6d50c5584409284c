-- One row per conversion: its unit, what came before it, and how far its path reaches.
with goals as (

    select * from {{ ref('int_attribution_goals') }}

),

units as (

    select
        goals.*,
        reaches.lookback_days,
        reaches.half_life_days,
        case
            when reaches.unit_type = 'account' then coalesce(goals.account_id, goals.contact_id)
            else goals.contact_id
        end as unit_id
    from goals
    left join {{ ref('stg_marketing__attribution_verticals') }} as reaches
        on goals.vertical = reaches.vertical

),

-- Conversions at one moment share their path: none of them was before the other.
moments as (

    select
        goal,
        vertical,
        unit_id,
        converted_at,
        lag(converted_at) over (
            partition by goal, vertical, unit_id order by converted_at
        ) as previous_at
    from units
    where unit_id is not null
    group by goal, vertical, unit_id, converted_at

),

customers as (

    select
        vertical,
        unit_id,
        min(converted_at) as first_at
    from units
    where goal in ('deal_won', 'order') and unit_id is not null
    group by vertical, unit_id

),

leads as (

    select
        vertical,
        unit_id,
        min(entered_at) as lead_at
    from {{ ref('int_funnel_entries') }}
    where position = 1 and not is_imputed
    group by vertical, unit_id

)

select
    md5(units.goal || '/' || units.source_id) as conversion_id,
    units.goal,
    units.source_id,
    units.vertical,
    units.unit_id,
    units.converted_at,
    units.converted_on,
    units.revenue,
    units.currency,
    units.revenue_base,
    units.lookback_days,
    units.half_life_days,
    moments.previous_at,
    leads.lead_at,
    units.opportunity_at,
    coalesce(units.converted_at <= customers.first_at, true) as is_new_customer
from units
left join moments
    on
        units.goal = moments.goal
        and units.vertical = moments.vertical
        and units.unit_id = moments.unit_id
        and units.converted_at = moments.converted_at
left join customers
    on units.vertical = customers.vertical and units.unit_id = customers.unit_id
left join leads
    on units.vertical = leads.vertical and units.unit_id = leads.unit_id
