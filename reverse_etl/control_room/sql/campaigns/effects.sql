select
    experiment_name
    -- Names need not be unique; keys are.
    || if(min(experiment) over same_name != max(experiment) over same_name, ' (' || experiment || ')', '')
    || ' · '
    || variant as compared,
    vertical,
    measured,
    effect,
    effect_low,
    effect_high,
    p_adjusted,
    decision,
    incremental_conversions,
    incremental_conversions_low,
    incremental_conversions_high,
    incremental_revenue,
    incremental_revenue_low,
    incremental_revenue_high
from marts.experiment_results
where not is_control and effect is not null
window same_name as (partition by experiment_name)
order by effect desc, compared
