-- An action is asked for when an enrolment comes to its node.
with steps as (

    select * from {{ ref('stg_journeys__steps') }}

),

nodes as (

    select * from {{ ref('stg_journeys__nodes') }}
    where kind = 'action'

),

outcomes as (

    select * from {{ ref('stg_audiences__actions') }}

),

actions as (

    select
        {{ key_of(["steps.enrolment_id", "nodes.node", "cast(steps.step_number as varchar)"]) }}
            as action_id,
        steps.enrolment_id,
        steps.journey,
        steps.version,
        nodes.node,
        row_number() over (
            partition by steps.enrolment_id, nodes.node
            order by steps.step_number
        ) as visit,
        steps.contact_id,
        nodes.way as action,
        nodes.subject,
        nodes.channel,
        steps.left_at as requested_at,
        steps.occurrence,
        nodes.definition
    from steps
    inner join nodes
        on
            steps.journey = nodes.journey
            and steps.version = nodes.version
            and steps.next_node = nodes.node

)

select
    actions.*,
    case
        when actions.action in ('create_task', 'create_ticket', 'update_crm')
            then coalesce(outcomes.state, 'not_sent')
    end as delivery_state,
    case when outcomes.state = 'delivered' then outcomes.updated_at end as delivered_at,
    case when outcomes.state != 'delivered' then outcomes.code end as failure_code,
    outcomes.remote_id
from actions
left join outcomes on actions.action_id = outcomes.action_id
