select
    policy,
    status as told,
    estimate,
    low,
    high,
    gain,
    gain_low,
    gain_high,
    recommendations,
    followed
from marts.content_policies
order by policy <> 'present', policy <> 'learnt', estimate desc nulls last, policy
