-- question: What did campaigns and journeys bring against those who got nothing?
-- grain: one row per experiment, metric and variant that is compared
-- caveat: an effect whose interval holds 0 may be none; decide by the column decision alone
select
    experiment_name,
    vertical,
    source_key,
    metric,
    variant,
    measured,
    converted,
    rate,
    effect,
    effect_low,
    effect_high,
    incremental_conversions,
    incremental_revenue,
    decision,
    reasons
from marts.experiment_results
where not is_control
order by experiment_name, metric, variant;
