with made as (
    select
        journey,
        node,
        action,
        subject,
        channel,
        coalesce(delivery_state, 'asked for') as state,
        count(*) as actions,
        max(requested_at) as last_at
    from marts.journey_actions
    where action != 'send'
    group by all

    union all

    select
        source_key as journey,
        step as node,
        'send' as action,
        template as subject,
        channel,
        outcome as state,
        count(*) as actions,
        max(intended_at) as last_at
    from marts.message_queue
    where source_kind = 'journey'
    group by all
)

select
    journeys.vertical,
    journeys.journey_name,
    made.node,
    made.action,
    made.subject,
    made.channel,
    made.state,
    made.actions,
    made.last_at
from made
inner join marts.journeys as journeys on made.journey = journeys.journey
order by journeys.journey_name, made.node, made.actions desc
