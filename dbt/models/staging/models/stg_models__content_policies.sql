select
    policy,
    weights,
    estimate,
    low,
    high,
    gain,
    gain_low,
    gain_high,
    recommendations,
    followed,
    effective_recommendations
from {{ source('lake', 'content_policies') }}
