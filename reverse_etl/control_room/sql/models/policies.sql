select
    estimator,
    policy,
    estimate,
    low,
    high,
    decisions,
    effective_decisions as effective,
    carried_out,
    status as told
from marts.action_policies
where status <> 'no_decision_to_judge'
order by
    list_position(['doubly_robust', 'self_normalised', 'inverse_propensity'], estimator),
    policy not in ('logged', 'best', 'nothing'),
    estimate desc nulls last,
    policy
