-- Attempts of the 30 days before as_of, and the last ones of all.
with attempts as (

    select
        logs.*,
        logs.occurred_at > {{ days_later('run_context.as_of', '-30') }} as is_recent
    from {{ ref('delivery_logs') }} as logs
    cross join {{ ref('stg_system__run_context') }} as run_context
    where logs.entry_kind = 'attempt' and not logs.is_test

),

counted as (

    select
        provider,
        channel,
        count(*) filter (where is_recent) as attempts,
        count(*) filter (where is_recent and event_type = 'accepted') as accepted,
        count(*) filter (where is_recent and event_type in ('throttled', 'exhausted')) as throttled,
        count(*) filter (
            where is_recent and event_type in ('unreachable', 'denied', 'sender_refused')
        ) as unreachable,
        count(*) filter (
            where is_recent and event_type in ('rejected', 'invalid_recipient', 'suppressed')
        ) as refused,
        count(*) filter (where is_recent and event_type in ('ambiguous', 'unanswered')) as unknown,
        max(occurred_at) filter (where event_type = 'accepted') as last_success_at
    from attempts
    group by provider, channel

),

-- A request that took many messages was answered once.
calls as (

    select
        provider,
        channel,
        call_id,
        max(answer_ms) as answer_ms
    from attempts
    where is_recent and call_id is not null
    group by provider, channel, call_id

),

answers as (

    select
        provider,
        channel,
        count(*) as calls,
        percentile_cont(0.5) within group (order by answer_ms asc) as median_answer_ms,
        percentile_cont(0.95) within group (order by answer_ms asc) as p95_answer_ms
    from calls
    group by provider, channel

),

-- Not what is underway: its end is not known yet.
failures as (

    select
        provider,
        channel,
        event_type,
        provider_code,
        occurred_at
    from attempts
    where event_type not in ('accepted', 'unanswered')
    qualify row_number() over (
        partition by provider, channel order by occurred_at desc, log_id asc
    ) = 1

)

select
    counted.*,
    coalesce(answers.calls, 0) as calls,
    answers.median_answer_ms,
    answers.p95_answer_ms,
    failures.occurred_at as last_failure_at,
    failures.event_type as last_failure,
    failures.provider_code as last_failure_code
from counted
left join answers
    on counted.provider = answers.provider and counted.channel = answers.channel
left join failures
    on counted.provider = failures.provider and counted.channel = failures.channel
