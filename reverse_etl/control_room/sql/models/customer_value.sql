select
    vertical,
    customer_type,
    count(*) as customers,
    count(*) filter (orders > 0) as ordering,
    sum(order_revenue_12m) as order_revenue,
    sum(order_value_12m) as order_margin,
    count(*) filter (contracts > 0) as contracting,
    sum(mrr_base) as mrr,
    sum(contract_value_12m) as contract_margin,
    sum(contract_lifetime_value) as lifetime_margin
from marts.customer_values
group by vertical, customer_type
order by vertical, customer_type
