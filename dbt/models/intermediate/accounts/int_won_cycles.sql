-- One row per vertical and unit that became a customer: the days from the first thing known of it
-- (a human touch of any of its contacts, or its first funnel stage) to the contract.
with entries as (

    select * from {{ ref('int_funnel_entries') }}

),

won as (

    select
        vertical,
        unit_id,
        min(entered_at) as won_at,
        min(entered_on) as won_on
    from entries
    where metric = 'new_customers'
    group by vertical, unit_id

),

first_touches as (

    select
        won.vertical,
        won.unit_id,
        min(touches.occurred_at) as first_at
    from {{ ref('fct_touchpoints') }} as touches
    inner join won on touches.account_id = won.unit_id
    where touches.actor_class <> 'machine'
    group by won.vertical, won.unit_id
    union all
    select
        won.vertical,
        won.unit_id,
        min(touches.occurred_at) as first_at
    from {{ ref('fct_touchpoints') }} as touches
    inner join won on touches.contact_id = won.unit_id
    where touches.actor_class <> 'machine'
    group by won.vertical, won.unit_id
    union all
    select
        vertical,
        unit_id,
        min(entered_at) as first_at
    from entries
    where not is_imputed
    group by vertical, unit_id

),

begun as (

    select
        vertical,
        unit_id,
        min(first_at) as first_at
    from first_touches
    group by vertical, unit_id

)

select
    won.vertical,
    won.unit_id,
    won.won_on,
    {{ seconds_between('begun.first_at', 'won.won_at') }} / 86400e0 as cycle_days
from won
inner join begun on won.vertical = begun.vertical and won.unit_id = begun.unit_id
