select
    group_kind || 's' as grouping,
    vertical,
    group_name,
    conversion_rate,
    greatest(conversion_rate_low, 0) as rate_low,
    conversion_rate_high as rate_high,
    contacts,
    converted,
    lowest_score,
    highest_score,
    window_days,
    is_in_order
from marts.lead_score_calibration
-- The business with the most groups first: a drawing takes their order from it.
order by
    group_kind,
    count(*) over (partition by group_kind, vertical) desc,
    vertical,
    position
