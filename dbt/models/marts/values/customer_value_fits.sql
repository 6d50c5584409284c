with fits as (

    select * from {{ source('lake', 'customer_value_fits') }}

)

select
    vertical,
    customers,
    repeaters,
    refusal,
    value_refusal,
    r,
    alpha,
    a,
    b,
    p,
    q,
    v,
    p * v / nullif(q - 1, 0) as mean_purchase_value,
    correlation,
    holdout_starts_on,
    holdout_weeks,
    holdout_customers,
    holdout_actual,
    holdout_expected,
    holdout_naive,
    {{ ratio('holdout_expected', 'holdout_actual') }} - 1 as holdout_deviation,
    {{ ratio('holdout_naive', 'holdout_actual') }} - 1 as holdout_naive_deviation,
    holdout_error,
    holdout_naive_error
from fits
