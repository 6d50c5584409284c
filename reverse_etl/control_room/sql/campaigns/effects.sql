select
    experiment_name || ' · ' || variant as compared,
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
order by effect desc, compared
