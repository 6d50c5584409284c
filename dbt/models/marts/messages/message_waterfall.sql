-- Every message ends in one row of its source: at a gate, underway, unknown, or sent.
with messages as (

    select
        source_kind,
        source_key,
        coalesce(gate, outcome) as stage,
        status
    from {{ ref('message_queue') }}

),

gates as (

    select
        gate,
        position
    from {{ ref('stg_marketing__message_gates') }}

),

stages as (

    select
        gate as stage,
        position
    from gates
    union all
    select
        'underway' as stage,
        max(position) + 1 as position
    from gates
    union all
    select
        'unknown' as stage,
        max(position) + 2 as position
    from gates
    union all
    select
        'sent' as stage,
        max(position) + 3 as position
    from gates

),

sources as (

    select
        source_kind,
        source_key,
        count(*) as intended
    from messages
    group by source_kind, source_key

),

counted as (

    select
        source_kind,
        source_key,
        stage,
        count(*) as messages,
        count(*) filter (where status = 'deferred') as deferred
    from messages
    group by source_kind, source_key, stage

)

select
    sources.source_kind,
    sources.source_key,
    stages.position,
    stages.stage,
    sources.intended,
    coalesce(counted.messages, 0) as messages,
    coalesce(counted.deferred, 0) as deferred,
    sources.intended - cast(
        sum(coalesce(counted.messages, 0)) over (
            partition by sources.source_kind, sources.source_key
            order by stages.position asc
            rows between unbounded preceding and current row
        ) as bigint
    ) as remaining
from sources
cross join stages
left join counted
    on
        sources.source_kind = counted.source_kind
        and sources.source_key = counted.source_key
        and stages.stage = counted.stage
