-- The customer is the one who counts as customer in its vertical, as for contracts. Who objects to
-- profiling is no customer of their own here; what an organisation ordered is nobody's profile.
with orders as (

    select * from {{ ref('fct_orders') }}

),

verticals as (

    select * from {{ ref('stg_marketing__verticals') }}

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

objections as (

    select * from {{ ref('int_profiling_objections') }}

),

customers as (

    select
        coalesce(orders.vertical, 'unassigned') as vertical,
        case
            when
                coalesce(verticals.customer_unit, 'contact') = 'contact'
                or contacts.account_id is null
                then 'contact'
            else 'account'
        end as customer_type,
        orders.contact_id,
        contacts.account_id,
        orders.ordered_on,
        orders.revenue,
        orders.revenue_base
    from orders
    left join verticals on orders.vertical = verticals.vertical
    left join contacts on orders.contact_id = contacts.contact_id
    where orders.contact_id is not null

)

select
    customers.vertical,
    customers.customer_type,
    case customers.customer_type
        when 'contact' then customers.contact_id else customers.account_id
    end as customer_id,
    customers.ordered_on,
    count(*) as orders,
    case
        when count(customers.revenue) = count(customers.revenue_base)
            then sum(customers.revenue_base)
    end as value_base
from customers
left join objections
    on customers.contact_id = objections.contact_id
where customers.customer_type = 'account' or objections.contact_id is null
group by
    customers.vertical,
    customers.customer_type,
    case customers.customer_type
        when 'contact' then customers.contact_id else customers.account_id
    end,
    customers.ordered_on
