{{ config(materialized='view') }}

-- One row per conversion of any goal as its source tells it: won deals, orders, declared events.
with deals as (

    select * from {{ ref('fct_deals') }}

),

orders as (

    select * from {{ ref('fct_orders') }}

),

declared as (

    select
        parameter_key as event,
        cast({{ json_text('value', 'value') }} as decimal(18, 4)) as fixed_value
    from ({{ parameter_rows('conversion_events') }}) as found

)

select
    'deal_won' as goal,
    deal_id as source_id,
    coalesce(vertical, 'unassigned') as vertical,
    account_id,
    contact_id,
    coalesce(closed_at, cast(contract_start_on as timestamp), created_at, known_at) as converted_at,
    coalesce(closed_on, contract_start_on, created_on, cast(known_at as date)) as converted_on,
    amount as revenue,
    currency,
    amount_base as revenue_base,
    created_at as opportunity_at
from deals
where is_won
union all
select
    'order' as goal,
    orders.order_id as source_id,
    coalesce(orders.vertical, 'unassigned') as vertical,
    contacts.account_id,
    orders.contact_id,
    orders.ordered_at as converted_at,
    orders.ordered_on as converted_on,
    orders.revenue,
    orders.currency,
    orders.revenue_base,
    null as opportunity_at
from orders
left join {{ ref('int_contacts') }} as contacts on orders.contact_id = contacts.contact_id
union all
select
    'event/' || declared.event as goal,
    events.message_id as source_id,
    coalesce(events.vertical, 'unassigned') as vertical,
    contacts.account_id,
    events.contact_id,
    events.occurred_at as converted_at,
    events.occurred_on as converted_on,
    coalesce(declared.fixed_value, events.revenue) as revenue,
    case when declared.fixed_value is null then events.currency else reporting.base_currency end
        as currency,
    coalesce(declared.fixed_value, events.revenue_base) as revenue_base,
    null as opportunity_at
from {{ ref('fct_events') }} as events
inner join declared on events.event = declared.event
cross join {{ ref('stg_system__reporting') }} as reporting
left join {{ ref('int_contacts') }} as contacts on events.contact_id = contacts.contact_id
where events.message_type = 'track' and events.actor_class != 'machine'
