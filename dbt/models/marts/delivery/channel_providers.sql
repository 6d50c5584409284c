with providers as (

    select * from {{ ref('stg_marketing__delivery_providers') }}

),

lanes as (

    select * from {{ ref('stg_marketing__delivery_lanes') }}

),

attempts as (

    select * from {{ ref('int_provider_attempts') }}

),

reports as (

    select * from {{ ref('int_provider_reports') }}

),

-- Where it stands in a lane or was asked; else the channel that it could send.
known as (

    select
        provider,
        channel
    from lanes
    union
    select
        provider,
        channel
    from attempts

),

rows_wanted as (

    select
        provider,
        channel
    from known
    union
    select
        provider,
        channel
    from providers
    where channel <> 'any' or provider not in (select known.provider from known)

),

-- A lane in which no provider has a weight asks the first one first.
shares as (

    select
        channel,
        sum(weight) as all_weights
    from lanes
    group by channel

),

final as (

    select
        rows_wanted.provider,
        rows_wanted.channel,
        providers.provider is not null as is_listed,
        coalesce(providers.is_live, false) as is_live,
        lanes.lane_rank,
        lanes.weight,
        {{ ratio('lanes.weight', 'shares.all_weights') }} as first_share,
        providers.per_second,
        providers.in_flight,
        coalesce(attempts.attempts, 0) as attempts,
        coalesce(attempts.accepted, 0) as accepted,
        coalesce(attempts.throttled, 0) as throttled,
        coalesce(attempts.unreachable, 0) as unreachable,
        coalesce(attempts.refused, 0) as refused,
        coalesce(attempts.unknown, 0) as unknown,
        coalesce(attempts.calls, 0) as calls,
        attempts.median_answer_ms,
        attempts.p95_answer_ms,
        coalesce(reports.accepted_messages, 0) as accepted_messages,
        coalesce(reports.reported_messages, 0) as reported_messages,
        {{ ratio('reports.delivered_messages', 'reports.accepted_messages') }} as delivered_share,
        {{ ratio('reports.bounced_messages', 'reports.accepted_messages') }} as bounced_share,
        {{ ratio('reports.complained_messages', 'reports.accepted_messages') }} as complained_share,
        attempts.last_success_at,
        attempts.last_failure_at,
        attempts.last_failure,
        attempts.last_failure_code
    from rows_wanted
    left join providers on rows_wanted.provider = providers.provider
    left join lanes
        on rows_wanted.provider = lanes.provider and rows_wanted.channel = lanes.channel
    left join shares on lanes.channel = shares.channel
    left join attempts
        on rows_wanted.provider = attempts.provider and rows_wanted.channel = attempts.channel
    left join reports
        on rows_wanted.provider = reports.provider and rows_wanted.channel = reports.channel

)

select * from final
