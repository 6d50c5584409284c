select
    vertical,
    segment_name,
    kind,
    priority,
    estimate,
    estimate_unit,
    counted_in,
    organisations,
    reached_accounts,
    customers,
    penetration,
    penetration_of_estimate
from marts.market_size
order by position
