-- The version in force of each deal; deleted ones left out. A contact merged away is replaced
-- by its survivor. A portal with one currency leaves the deal's currency empty: it is the base.
with deals as (

    select *
    from {{ source('lake', 'crm_deals') }}
    qualify row_number() over (
        partition by crm_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

),

merged_ids as (

    select * from {{ ref('stg_crm__contact_merges') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

)

select
    deals.crm_id,
    deals.created_at,
    deals.known_at,
    deals.pipeline,
    deals.stage,
    deals.deal_type,
    deals.amount,
    deals.mrr,
    coalesce(deals.currency, reporting.base_currency) as currency,
    deals.closed_at,
    deals.contract_start_on,
    deals.contract_end_on,
    deals.owner_id,
    deals.company_crm_id,
    coalesce(merged_ids.surviving_crm_id, deals.contact_crm_id) as contact_crm_id,
    deals.properties
from deals
cross join reporting
left join merged_ids on deals.contact_crm_id = merged_ids.merged_crm_id
where not coalesce(deals.archived, false)
