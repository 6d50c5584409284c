-- Names need not be unique; keys are.
with named as (
    select
        * replace (
            journey_name || if(count(*) over (partition by journey_name) > 1, ' (' || journey || ')', '')
                as journey_name
        )
    from marts.journeys
),

nodes as (
    select
        journeys.vertical,
        journeys.journey,
        journeys.journey_name,
        journeys.trigger_kind,
        journeys.entered,
        journeys.definition,
        nodes.node,
        nodes.position,
        nodes.kind,
        nodes.way,
        case nodes.kind
            when 'wait'
                then 'wait' || case nodes.way
                    when 'event' then ' for event'
                    when 'until' then ' until'
                    else ''
                end
            else concat_ws(' ', nodes.way, nodes.channel)
        end as does,
        nodes.arrived,
        nodes.waiting,
        nodes.median_hours
    from named as journeys
    inner join marts.journey_nodes as nodes
        on journeys.journey = nodes.journey and journeys.version = nodes.version
),

ways as (
    select
        nodes.journey,
        nodes.node,
        case
            when way.key != 'next' then replace(way.key, 'on_', '')
            when nodes.kind = 'wait' and nodes.way = 'event' then 'event'
        end as way_out,
        way.value ->> '$' as next_node
    from nodes, json_each(nodes.definition, '$.nodes.' || nodes.node) as way
    where way.key in ('next', 'then', 'else', 'on_timeout', 'on_failure')

    union all

    select
        nodes.journey,
        nodes.node,
        branch.key as way_out,
        branch.value ->> 'next' as next_node
    from nodes, json_each(nodes.definition, '$.nodes.' || nodes.node || '.split') as branch
),

steps as (
    select
        steps.journey,
        steps.node,
        steps.next_node,
        steps.kind
    from marts.journey_steps as steps
    inner join named as journeys
        on steps.journey = journeys.journey and steps.version = journeys.version
),

passed as (
    select
        journey,
        node,
        next_node,
        count(*) as enrolments
    from steps
    where next_node is not null
    group by all
),

ended as (
    select
        journey,
        node,
        count(*) as enrolments
    from steps
    where next_node is null and kind != 'exit'
    group by all
),

edges as (
    select
        journey,
        'trigger' as node,
        trigger_kind as way_out,
        node as next_node
    from nodes
    where position = 1

    union all

    select
        journey,
        node,
        string_agg(way_out, ' or ' order by way_out) as way_out,
        next_node
    from ways
    group by all
)

select
    places.vertical,
    places.journey_name,
    coalesce(edges.node, passed.node) as from_node,
    edges.way_out,
    coalesce(edges.next_node, passed.next_node) as to_node,
    coalesce(passed.enrolments, 0) as enrolments,
    targets.does,
    targets.arrived,
    nullif(targets.waiting, 0) as waiting,
    ended.enrolments as ended,
    nullif(targets.median_hours, 0) as median_hours
from edges
full join passed
    on
        edges.journey = passed.journey
        and edges.node = passed.node
        and edges.next_node = passed.next_node
inner join nodes as places
    on coalesce(edges.journey, passed.journey) = places.journey and places.position = 1
left join nodes as origins
    on
        coalesce(edges.journey, passed.journey) = origins.journey
        and coalesce(edges.node, passed.node) = origins.node
left join nodes as targets
    on
        coalesce(edges.journey, passed.journey) = targets.journey
        and coalesce(edges.next_node, passed.next_node) = targets.node
left join ended on targets.journey = ended.journey and targets.node = ended.node
order by
    places.entered desc,
    places.journey_name,
    origins.position nulls first,
    targets.position nulls last,
    to_node
