select
    model,
    is_scoring,
    status as state,
    decision,
    coalesce(refused_because, decision_reason) as why,
    scored_subjects,
    auc,
    auc_low,
    auc_high,
    auc_of_last_activity,
    test_outcomes,
    calibration_error,
    lift_top_decile,
    auc_difference_low as gain_low,
    auc_difference_high as gain_high,
    trained_as_of,
    version
from marts.ml_models
order by is_scoring desc, trained_as_of desc, model, version
limit 30
