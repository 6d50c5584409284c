{{ config(materialized='view') }}

-- One row per vertical, month and measure of orders. Where customers are contacts without
-- contracts, the customers of a month's end are those with an order in the 12 months before.
with orders as (

    select
        coalesce(vertical, 'unassigned') as vertical,
        {{ month_of('ordered_on') }} as month,
        contact_id,
        revenue,
        revenue_base
    from {{ ref('fct_orders') }}

),

contact_months as (

    select distinct
        orders.vertical,
        orders.month,
        orders.contact_id
    from orders
    inner join {{ ref('stg_marketing__verticals') }} as verticals
        on orders.vertical = verticals.vertical
    left join (select distinct vertical from {{ ref('mrr_movements') }}) as subscribed
        on orders.vertical = subscribed.vertical
    where verticals.customer_unit = 'contact' and subscribed.vertical is null

)

select
    vertical,
    month,
    'orders' as measure,
    count(*) * 1e0 as value,
    0 as unknown
from orders
group by vertical, month
union all
select
    vertical,
    month,
    'order_revenue' as measure,
    cast(sum(revenue_base) as double) as value,
    count(revenue) - count(revenue_base) as unknown
from orders
group by vertical, month
union all
select
    contact_months.vertical,
    windows.month,
    'customers_end' as measure,
    count(distinct contact_months.contact_id) * 1e0 as value,
    0 as unknown
from contact_months
inner join {{ ref('int_reporting_windows') }} as windows
    on contact_months.month = windows.window_month and windows.metric_window = 'trailing_12m'
group by contact_months.vertical, windows.month
