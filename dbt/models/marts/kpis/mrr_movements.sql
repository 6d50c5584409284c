with contracts as (

    select * from {{ ref('int_contracts') }}

),

months as (

    select * from {{ ref('int_months') }}

),

customers as (

    select
        vertical,
        customer_id,
        min(starts_on) as first_start_on
    from contracts
    group by vertical, customer_id

),

-- Every month from a customer's first contract on, so that a gap is a churn and a return.
customer_months as (

    select
        customers.vertical,
        customers.customer_id,
        months.month,
        greatest(coalesce(sum(contracts.mrr_base), 0), 0) as end_mrr,
        count(contracts.deal_id) - count(contracts.mrr_base) as unconverted_contracts
    from customers
    inner join months on customers.first_start_on <= months.measured_on
    left join contracts
        on
            customers.vertical = contracts.vertical
            and customers.customer_id = contracts.customer_id
            and months.measured_on >= contracts.starts_on
            and coalesce(months.measured_on < contracts.ends_on, true)
    group by customers.vertical, customers.customer_id, months.month

),

with_start as (

    select
        *,
        coalesce(
            lag(end_mrr) over (partition by vertical, customer_id order by month), 0
        ) as start_mrr,
        coalesce(
            max(end_mrr) over (
                partition by vertical, customer_id
                order by month
                rows between unbounded preceding and 1 preceding
            ), 0
        ) > 0 as was_customer
    from customer_months

)

select
    vertical,
    customer_id,
    month,
    cast(start_mrr as decimal(18, 4)) as start_mrr,
    {% for movement, condition, amount in [
        ('new_mrr', 'start_mrr = 0 and not was_customer', 'end_mrr'),
        ('reactivation_mrr', 'start_mrr = 0 and was_customer', 'end_mrr'),
        ('expansion_mrr', 'start_mrr > 0 and end_mrr > start_mrr', 'end_mrr - start_mrr'),
        ('contraction_mrr', 'end_mrr > 0 and end_mrr < start_mrr', 'start_mrr - end_mrr'),
        ('churn_mrr', 'start_mrr > 0 and end_mrr = 0', 'start_mrr'),
    ] -%}
    cast(case when {{ condition }} then {{ amount }} else 0 end as decimal(18, 4))
        as {{ movement }},
    {% endfor -%}
    cast(end_mrr as decimal(18, 4)) as end_mrr,
    unconverted_contracts
from with_start
where start_mrr > 0 or end_mrr > 0 or unconverted_contracts > 0
