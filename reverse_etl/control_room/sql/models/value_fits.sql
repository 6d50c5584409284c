select
    vertical,
    customers,
    repeaters,
    refusal,
    value_refusal,
    holdout_starts_on,
    holdout_weeks,
    holdout_actual,
    holdout_expected,
    holdout_deviation,
    holdout_naive_deviation,
    holdout_error,
    holdout_naive_error
from marts.customer_value_fits
order by vertical
