-- One row per scope, month and window: MRR at the window's start of the customers there then,
-- and what the same customers pay at its end.
with movements as (

    select
        vertical as scope,
        vertical,
        customer_id,
        month,
        start_mrr,
        end_mrr,
        unconverted_contracts
    from {{ ref('mrr_movements') }}
    union all
    select
        'company' as scope,
        vertical,
        customer_id,
        month,
        start_mrr,
        end_mrr,
        unconverted_contracts
    from {{ ref('mrr_movements') }}

),

window_starts as (

    select
        month,
        metric_window,
        window_month as first_month
    from {{ ref('int_reporting_windows') }}
    where is_first

)

select
    at_start.scope,
    window_starts.month,
    window_starts.metric_window,
    cast(sum(at_start.start_mrr) as double) as start_mrr,
    -- What a missing rate leaves unknown is not lost: then nothing is said.
    case
        when coalesce(sum(at_end.unconverted_contracts), 0) = 0
            then cast(sum(coalesce(at_end.end_mrr, 0)) as double)
    end as kept_mrr,
    case
        when coalesce(sum(at_end.unconverted_contracts), 0) = 0
            then cast(sum(least(coalesce(at_end.end_mrr, 0), at_start.start_mrr)) as double)
    end as kept_mrr_capped
from window_starts
inner join movements as at_start
    on window_starts.first_month = at_start.month and at_start.start_mrr > 0
left join movements as at_end
    on
        window_starts.month = at_end.month
        and at_start.scope = at_end.scope
        and at_start.vertical = at_end.vertical
        and at_start.customer_id = at_end.customer_id
group by at_start.scope, window_starts.month, window_starts.metric_window
