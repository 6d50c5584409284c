select
    model,
    version,
    decision,
    champion,
    reason,
    metric,
    difference,
    low as difference_low,
    high as difference_high,
    decided_by,
    as_of as decided_at,
    sequence as decision_number
from {{ source('lake', 'ml_promotions') }}
