select
    action,
    basis,
    exposures,
    exposures_with_features,
    responses,
    response_rate,
    stops,
    stop_rate,
    auc,
    auc_low,
    auc_high,
    treated_people,
    control_people,
    qini,
    qini_low,
    qini_high,
    decided_at
from {{ source('lake', 'action_models') }}
qualify dense_rank() over (order by sequence desc) = 1
