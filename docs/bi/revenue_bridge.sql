-- question: From which movements did each month's recurring revenue come?
-- grain: one row per vertical and month; amounts in the base currency
-- caveat: stocks are those of a month's last day; a contract within one month does not show
select
    vertical,
    month,
    sum(start_mrr) as start_mrr,
    sum(new_mrr) as new_mrr,
    sum(reactivation_mrr) as reactivation_mrr,
    sum(expansion_mrr) as expansion_mrr,
    -sum(contraction_mrr) as contraction_mrr,
    -sum(churn_mrr) as churn_mrr,
    sum(end_mrr) as end_mrr,
    sum(case when start_mrr = 0 and end_mrr > 0 then 1 else 0 end) as customers_won,
    sum(case when start_mrr > 0 and end_mrr = 0 then 1 else 0 end) as customers_lost
from marts.mrr_movements
group by vertical, month
order by vertical, month;
