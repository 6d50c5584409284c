select
    vertical,
    action_name,
    basis,
    exposures,
    responses,
    response_rate,
    stops,
    stop_rate,
    auc,
    auc_low,
    auc_high,
    treated_people,
    control_people,
    qini
from marts.action_models
order by vertical, response_rate desc, action
