-- question: Which cost lines are over their budget, this plan year so far?
-- grain: one row per vertical, line and cost class that has a budget or a cost, at the last whole month
-- caveat: media spend stands inside its booked line; a share is empty where nothing was planned
select
    vertical,
    line,
    cost_class,
    currency,
    budget_ytd_base as budget,
    actual_ytd_base as actual,
    variance_ytd_base as over_budget,
    variance_ytd_base / nullif(budget_ytd_base, 0) as over_budget_share,
    budget_status
from marts.budget_vs_actual
where month = (select max(month) from marts.budget_vs_actual where is_complete)
order by vertical, over_budget desc nulls last, line, cost_class;
