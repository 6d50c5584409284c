with nodes as (

    select * from {{ ref('stg_journeys__nodes') }}

),

steps as (

    select * from {{ ref('stg_journeys__steps') }}

),

executions as (

    select * from {{ ref('journey_executions') }}
    where status = 'active'

),

arrivals as (

    select
        journey,
        version,
        next_node as node,
        count(*) as arrived
    from steps
    where next_node is not null
    group by journey, version, next_node

),

departures as (

    select
        journey,
        from_version as version,
        node,
        count(*) as departed,
        median({{ seconds_between('arrived_at', 'left_at') }} / 3600e0) as median_hours,
        percentile_cont(0.9) within group (
            order by {{ seconds_between('arrived_at', 'left_at') }} / 3600e0
        ) as p90_hours
    from steps
    where kind != 'trigger'
    group by journey, from_version, node

),

waiting as (

    select
        journey,
        version,
        node,
        count(*) as waiting
    from executions
    group by journey, version, node

)

select
    nodes.journey,
    nodes.version,
    nodes.node,
    nodes.position,
    nodes.kind,
    nodes.way,
    nodes.subject,
    nodes.channel,
    coalesce(arrivals.arrived, 0) as arrived,
    coalesce(departures.departed, 0) as departed,
    coalesce(waiting.waiting, 0) as waiting,
    departures.median_hours,
    departures.p90_hours
from nodes
left join arrivals
    on
        nodes.journey = arrivals.journey
        and nodes.version = arrivals.version
        and nodes.node = arrivals.node
left join departures
    on
        nodes.journey = departures.journey
        and nodes.version = departures.version
        and nodes.node = departures.node
left join waiting
    on
        nodes.journey = waiting.journey
        and nodes.version = waiting.version
        and nodes.node = waiting.node
where nodes.kind != 'trigger'
