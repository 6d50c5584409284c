{{ config(materialized='view') }}

-- One row per partner of a won deal: deals it sourced, and those it influenced (sourced, or a
-- contact of the account came by it before the win). A deal may have several influences, so these
-- do not add up over partners.
with deals as (

    select * from {{ ref('int_deal_sources') }}
    where is_won

),

brought_contacts as (

    select * from {{ ref('int_contact_sources') }}
    where partner_id is not null

),

deal_partners as (

    select
        deal_id,
        partner_id,
        1 as is_sourced
    from deals
    where partner_id is not null
    union all
    select distinct
        deals.deal_id,
        brought_contacts.partner_id,
        0 as is_sourced
    from deals
    inner join brought_contacts
        on
            deals.account_id = brought_contacts.account_id
            and brought_contacts.created_at
            < coalesce(deals.closed_at, cast(deals.won_on as timestamp))
    where brought_contacts.partner_id is distinct from deals.partner_id

),

priced as (

    select
        deal_partners.partner_id,
        deal_partners.is_sourced,
        coalesce(deals.amount_base, 0) as amount_known,
        case when deals.amount is not null and deals.amount_base is null then 1 else 0 end
            as is_unknown
    from deal_partners
    inner join deals on deal_partners.deal_id = deals.deal_id

)

select
    partner_id,
    cast(sum(is_sourced) as bigint) as sourced_deals_won,
    cast(count(*) as bigint) as influenced_deals_won,
    case
        when sum(is_sourced * is_unknown) = 0
            then cast(sum(case when is_sourced = 1 then amount_known else 0 end) as decimal(18, 4))
    end as sourced_won_base,
    case when sum(is_unknown) = 0 then cast(sum(amount_known) as decimal(18, 4)) end
        as influenced_won_base
from priced
group by partner_id
