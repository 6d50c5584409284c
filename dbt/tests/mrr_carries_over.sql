-- A customer's month starts with what the month before ended with; nothing before the first.
with movements as (

    select
        *,
        lag(month) over (partition by vertical, customer_id order by month) as last_month,
        lag(end_mrr) over (partition by vertical, customer_id order by month) as last_end_mrr
    from {{ ref('mrr_movements') }}

)

select
    vertical,
    customer_id,
    month,
    start_mrr,
    last_month,
    last_end_mrr
from movements
where
    start_mrr
    <> case
        when last_month = {{ add_months('month', -1) }} then last_end_mrr
        else 0
    end
    or (last_month is distinct from {{ add_months('month', -1) }} and last_end_mrr > 0)
