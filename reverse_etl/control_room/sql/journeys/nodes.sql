-- Names need not be unique; keys are.
with named as (
    select
        * replace (
            journey_name || if(count(*) over (partition by journey_name) > 1, ' (' || journey || ')', '')
                as journey_name
        )
    from marts.journeys
)

select
    journeys.vertical,
    journeys.journey_name,
    nodes.version,
    nodes.position,
    nodes.node,
    nodes.kind,
    concat_ws(' ', nodes.way, nodes.channel) as way,
    nodes.subject,
    nodes.arrived,
    nodes.departed,
    nodes.waiting,
    nodes.median_hours,
    nodes.p90_hours
from marts.journey_nodes as nodes
inner join named as journeys on nodes.journey = journeys.journey
order by
    journeys.entered desc,
    journeys.journey_name,
    nodes.version desc,
    nodes.position
