-- What a contract's months bring, each as likely as that the customer is still there: churn and
-- margin are those of its vertical over the last 12 months, with the guards of unit_economics.
with contracts as (

    select * from {{ ref('int_contracts') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

-- Of months that are over: the running one has all its customers and few of those it will lose.
economics as (

    select
        unit_economics.vertical,
        unit_economics.gross_margin,
        unit_economics.logo_churn_for_ltv as monthly_churn
    from {{ ref('unit_economics') }} as unit_economics
    cross join run_context
    where
        unit_economics.metric_window = 'trailing_12m'
        and unit_economics.month < run_context.as_of_month
    qualify
        row_number() over (
            partition by unit_economics.vertical order by unit_economics.month desc
        ) = 1

),

accounts as (

    select account_id from {{ ref('dim_accounts') }}

),

running as (

    select
        contracts.vertical,
        contracts.customer_id,
        count(*) as contracts,
        -- A contract without a rate makes the sum unknown.
        case when count(*) = count(contracts.mrr_base) then sum(contracts.mrr_base) end as mrr_base
    from contracts
    cross join run_context
    left join {{ ref('int_profiling_objections') }} as objections
        on contracts.customer_id = objections.contact_id
    where
        contracts.starts_on <= run_context.as_of_on
        and coalesce(contracts.ends_on > run_context.as_of_on, true)
        and objections.contact_id is null
    group by contracts.vertical, contracts.customer_id

)

select
    running.vertical,
    case when accounts.account_id is null then 'contact' else 'account' end as customer_type,
    running.customer_id,
    running.contracts,
    running.mrr_base,
    economics.gross_margin,
    economics.monthly_churn,
    running.mrr_base * economics.gross_margin
    * {{ ratio('1 - power(1 - economics.monthly_churn, 12)', 'economics.monthly_churn') }}
        as contract_value_12m,
    case
        when economics.monthly_churn > 0
            then
                running.mrr_base
                * economics.gross_margin
                * least(1e0 / economics.monthly_churn, 60)
    end as contract_lifetime_value
from running
left join economics on running.vertical = economics.vertical
left join accounts on running.customer_id = accounts.account_id
