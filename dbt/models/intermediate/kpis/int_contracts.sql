-- One row per won deal with recurring revenue: who pays how much a month, on the days
-- [starts_on, ends_on). An amount without an MRR is a year's and divided by 12.
with deals as (

    select * from {{ ref('fct_deals') }}

),

verticals as (

    select * from {{ ref('stg_marketing__verticals') }}

),

won as (

    select
        deals.deal_id,
        coalesce(deals.vertical, 'unassigned') as vertical,
        case
            when verticals.customer_unit = 'contact' then deals.contact_id
            else coalesce(deals.account_id, deals.contact_id)
        end as customer_id,
        coalesce(deals.contract_start_on, deals.closed_on) as starts_on,
        deals.contract_end_on as ends_on,
        deals.recurring_base as mrr_base,
        deals.currency
    from deals
    left join verticals on deals.vertical = verticals.vertical
    where deals.is_won and deals.has_recurring

)

select *
from won
where starts_on is not null and customer_id is not null
