with figures as (

    select figures.*
    from {{ ref('int_figures') }} as figures
    inner join {{ ref('int_months') }} as months
        on figures.month = months.month and months.is_complete

),

-- The mart that a figure comes from, with which the others are compared.
origins as (

    select
        figure,
        case
            when figure in ('ad_spend') then 'fct_ad_spend_daily'
            when figure in ('actual_cost', 'budget') then 'fct_costs_monthly'
            when figure in ('deals_won', 'won_amount') then 'fct_deals'
            when figure in ('mrr', 'customers') then 'mrr_movements'
            when figure in ('sessions', 'engaged_sessions', 'new_visitors') then 'fct_sessions'
            when figure in ('marketing_cost', 'acquisition_cost', 'deduplicated_cost')
                then 'unit_economics'
            else 'funnel_stages'
        end as origin_mart
    from figures
    group by figure

),

marts as (

    select distinct
        figures.figure,
        figures.mart,
        origins.origin_mart
    from figures
    inner join origins on figures.figure = origins.figure
    where figures.mart <> origins.origin_mart

),

places as (

    select distinct
        figure,
        vertical,
        month
    from figures

),

compared as (

    select
        places.figure,
        places.vertical,
        places.month,
        marts.mart,
        marts.origin_mart,
        -- A mart without a row says 0; one with an empty value says undefined.
        case when shown.figure is null then 0 else shown.value end as value,
        case when origin.figure is null then 0 else origin.value end as origin_value
    from places
    inner join marts on places.figure = marts.figure
    left join figures as shown
        on
            places.figure = shown.figure
            and marts.mart = shown.mart
            and places.vertical = shown.vertical
            and places.month = shown.month
    left join figures as origin
        on
            places.figure = origin.figure
            and marts.origin_mart = origin.mart
            and places.vertical = origin.vertical
            and places.month = origin.month

)

select
    figure,
    vertical,
    month,
    mart,
    value,
    origin_mart,
    origin_value,
    value - origin_value as difference,
    {{ same_amount('value', 'origin_value') }} as is_equal
from compared
