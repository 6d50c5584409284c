-- Counts, sums and stocks of the verticals add up to the company's, in every month and window.
with summed as (

    select
        kpis.metric,
        kpis.month,
        kpis.metric_window,
        sum(case when kpis.vertical = 'company' then kpis.value else -kpis.value end) as difference
    from {{ ref('kpi_monthly') }} as kpis
    inner join {{ ref('kpi_metrics') }} as metrics
        on kpis.metric = metrics.metric and metrics.kind in ('flow', 'stock')
    group by kpis.metric, kpis.month, kpis.metric_window
    -- An undefined part leaves the company undefined too.
    having sum(case when kpis.status = 'undefined' then 1 else 0 end) = 0

)

select *
from summed
where abs(difference) > 0.001
