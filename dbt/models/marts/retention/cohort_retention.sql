with movements as (

    select * from {{ ref('mrr_movements') }}

),

complete_months as (

    select month
    from {{ ref('int_months') }}
    where is_complete

),

members as (

    select
        vertical,
        customer_id,
        min(month) as cohort_month
    from movements
    where end_mrr > 0
    group by vertical, customer_id

),

-- Each member in each complete month since its first, whether it still pays or not.
followed as (

    select
        members.vertical,
        members.cohort_month,
        complete_months.month,
        coalesce(movements.end_mrr, 0) as mrr,
        first_movements.end_mrr as first_mrr,
        coalesce(movements.unconverted_contracts, 0) + first_movements.unconverted_contracts
            as unconverted_contracts
    from members
    inner join complete_months on members.cohort_month <= complete_months.month
    inner join movements as first_movements
        on
            members.vertical = first_movements.vertical
            and members.customer_id = first_movements.customer_id
            and members.cohort_month = first_movements.month
    left join movements
        on
            members.vertical = movements.vertical
            and members.customer_id = movements.customer_id
            and complete_months.month = movements.month

),

summed as (

    select
        vertical,
        cohort_month,
        month,
        count(*) as customers,
        cast(sum(case when mrr > 0 then 1 else 0 end) as bigint) as retained_customers,
        sum(unconverted_contracts) as unconverted_contracts,
        sum(first_mrr) as start_mrr,
        sum(mrr) as retained_mrr,
        sum(least(mrr, first_mrr)) as retained_mrr_capped
    from followed
    group by vertical, cohort_month, month

),

known as (

    select
        vertical,
        cohort_month,
        month,
        cast({{ months_between('cohort_month', 'month') }} as integer) as age_months,
        -- What a missing rate leaves unknown is not lost: then nothing is said.
        {% for amount in ['start_mrr', 'retained_mrr', 'retained_mrr_capped'] -%}
        cast(case when unconverted_contracts = 0 then {{ amount }} end as decimal(18, 4))
            as {{ amount }},
        {% endfor -%}
        customers,
        retained_customers
    from summed

)

select
    vertical,
    cohort_month,
    age_months,
    month,
    customers,
    retained_customers,
    {{ ratio('retained_customers', 'customers') }} as logo_retention,
    {{ wilson_low('retained_customers', 'customers') }} as logo_retention_low,
    {{ wilson_high('retained_customers', 'customers') }} as logo_retention_high,
    start_mrr,
    retained_mrr,
    retained_mrr_capped,
    {{ ratio('retained_mrr', 'start_mrr') }} as net_revenue_retention,
    {{ ratio('retained_mrr_capped', 'start_mrr') }} as gross_revenue_retention
from known
