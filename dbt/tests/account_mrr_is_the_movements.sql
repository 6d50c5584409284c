-- What an account pays is what its last month ends with.
with last_month as (

    select
        movements.customer_id,
        sum(movements.end_mrr) as end_mrr
    from {{ ref('mrr_movements') }} as movements
    inner join {{ ref('stg_system__run_context') }} as run_context
        on movements.month = run_context.as_of_month
    group by movements.customer_id

)

select
    accounts.account_id,
    accounts.mrr_base,
    last_month.end_mrr
from {{ ref('dim_accounts') }} as accounts
left join last_month on accounts.account_id = last_month.customer_id
where not {{ same_amount('greatest(accounts.mrr_base, 0)', 'coalesce(last_month.end_mrr, 0)') }}
