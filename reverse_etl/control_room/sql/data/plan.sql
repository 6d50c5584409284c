select
    scope as vertical,
    metric,
    plan_year,
    explanation,
    reading_a,
    value_a,
    reading_b,
    value_b,
    factor
from marts.plan_findings
order by scope, plan_year nulls first, metric, finding_id
