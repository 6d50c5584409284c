select
    experiment_name,
    vertical,
    metric,
    within_days,
    variant,
    assigned,
    exposed,
    measured,
    rate,
    rate_low,
    rate_high,
    decision,
    reasons
from marts.experiment_results
order by is_declared desc, experiment_name, experiment, is_control desc, variant
