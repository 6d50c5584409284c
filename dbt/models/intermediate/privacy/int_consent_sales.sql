with contacts as (

    select * from {{ ref('int_contacts') }}

),

contracts as (

    select * from {{ ref('int_contracts') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

sales as (

    select
        contacts.contact_id,
        contracts.starts_on as sold_on
    from contracts
    inner join contacts on contracts.customer_id = contacts.account_id
    union all
    select
        customer_id as contact_id,
        starts_on as sold_on
    from contracts
    union all
    select
        contact_id,
        ordered_on as sold_on
    from orders
    where contact_id is not null

)

select
    contact_id,
    min(sold_on) as first_sale_on
from sales
group by contact_id
