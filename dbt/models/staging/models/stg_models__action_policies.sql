select
    policy,
    estimator,
    estimate,
    low,
    high,
    decisions,
    effective_decisions,
    carried_out
from {{ source('lake', 'action_policies') }}
