with estimates as (

    select * from {{ source('lake', 'customer_value_estimates') }}

),

purchases as (

    select
        vertical,
        customer_type,
        customer_id,
        sum(orders) as orders
    from {{ ref('int_purchase_days') }}
    group by vertical, customer_type, customer_id

),

contracts as (

    select * from {{ ref('int_contract_values') }}

),

customers as (

    select
        vertical,
        customer_type,
        customer_id
    from purchases
    union
    select
        vertical,
        customer_type,
        customer_id
    from contracts

),

joined as (

    select
        customers.vertical,
        customers.customer_type,
        customers.customer_id,
        coalesce(purchases.orders, 0) as orders,
        estimates.first_order_on,
        estimates.last_order_on,
        estimates.repeat_purchases,
        estimates.mean_value,
        estimates.alive_probability,
        estimates.expected_purchases,
        estimates.expected_purchase_value,
        estimates.expected_purchases * estimates.expected_purchase_value as order_revenue_12m,
        contracts.contracts,
        contracts.mrr_base,
        contracts.monthly_churn,
        contracts.contract_value_12m,
        contracts.contract_lifetime_value
    from customers
    left join purchases
        on
            customers.vertical = purchases.vertical
            and customers.customer_id = purchases.customer_id
    left join estimates
        on
            customers.vertical = estimates.vertical
            and customers.customer_id = estimates.customer_id
    left join contracts
        on
            customers.vertical = contracts.vertical
            and customers.customer_id = contracts.customer_id

)

select
    joined.vertical,
    joined.customer_type,
    joined.customer_id,
    joined.orders,
    joined.first_order_on,
    joined.last_order_on,
    joined.repeat_purchases,
    joined.mean_value,
    joined.alive_probability,
    joined.expected_purchases,
    joined.expected_purchase_value,
    joined.order_revenue_12m,
    joined.order_revenue_12m * coalesce(verticals.gross_margin, 1) as order_value_12m,
    coalesce(joined.contracts, 0) as contracts,
    joined.mrr_base,
    joined.monthly_churn,
    joined.contract_value_12m,
    joined.contract_lifetime_value,
    reporting.base_currency as currency
from joined
cross join {{ ref('stg_system__reporting') }} as reporting
left join {{ ref('stg_marketing__verticals') }} as verticals on joined.vertical = verticals.vertical
