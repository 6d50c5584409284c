select
    channel,
    provider,
    is_live,
    lane_rank,
    first_share,
    attempts,
    accepted / nullif(attempts, 0) as accepted_share,
    throttled,
    unreachable,
    refused,
    unknown,
    median_answer_ms,
    p95_answer_ms,
    reported_messages / nullif(accepted_messages, 0) as reported_share,
    delivered_share,
    bounced_share,
    complained_share,
    last_success_at,
    last_failure_at,
    concat_ws(' ', last_failure, last_failure_code) as last_failure
from marts.channel_providers
where is_live or lane_rank is not null or attempts > 0
order by channel, lane_rank nulls last, provider
