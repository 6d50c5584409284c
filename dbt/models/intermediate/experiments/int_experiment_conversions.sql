-- What people in an experiment did of what it is about, within their window.
with people as (

    select
        assignments.experiment,
        assignments.contact_id,
        assignments.assigned_at,
        assignments.window_ends_at,
        experiments.metric_kind,
        experiments.metric,
        experiments.metric_message_type
    from {{ ref('experiment_assignments') }} as assignments
    inner join {{ ref('int_experiments') }} as experiments
        on assignments.experiment = experiments.experiment

),

-- Names of events that a metric goes by.
names as (

    select
        experiments.experiment,
        event_names.message_type,
        event_names.event
    from {{ ref('int_experiments') }} as experiments
    inner join {{ ref('event_names') }} as event_names
        on
            (
                event_names.message_type = 'track'
                and (
                    experiments.metric = event_names.event
                    or experiments.metric = {{ plain_name('event_names.event') }}
                )
            )
            or experiments.metric_message_type = event_names.message_type
    where experiments.metric_kind = 'event'

),

events as (

    select
        people.experiment,
        people.contact_id,
        events.message_id as conversion_id,
        events.occurred_at,
        events.revenue_base
    from people
    inner join names on people.experiment = names.experiment
    inner join {{ ref('fct_events') }} as events
        on
            people.contact_id = events.contact_id
            and names.message_type = events.message_type
            and names.event = coalesce(events.event, '')
    where
        people.metric_kind = 'event'
        and events.actor_class != 'machine'
        and events.occurred_at >= people.assigned_at
        and events.occurred_at < people.window_ends_at

),

touches as (

    select
        people.experiment,
        people.contact_id,
        touches.touch_id as conversion_id,
        touches.occurred_at,
        cast(null as decimal(18, 4)) as revenue_base
    from people
    inner join {{ ref('fct_touchpoints') }} as touches
        on people.contact_id = touches.contact_id and people.metric = touches.touch_type
    where
        people.metric_kind = 'touch'
        and touches.actor_class != 'machine'
        and touches.occurred_at >= people.assigned_at
        and touches.occurred_at < people.window_ends_at

),

goals as (

    select
        people.experiment,
        people.contact_id,
        goals.goal || '/' || goals.source_id as conversion_id,
        goals.converted_at as occurred_at,
        goals.revenue_base
    from people
    inner join {{ ref('int_attribution_goals') }} as goals
        on people.contact_id = goals.contact_id
    where
        people.metric_kind = 'goal'
        and (people.metric = goals.goal or people.metric = 'conversion')
        and goals.converted_at >= people.assigned_at
        and goals.converted_at < people.window_ends_at

),

kept as (

    select
        experiment,
        contact_id,
        'customer_kept/' || contact_id as conversion_id,
        kept_until_at as occurred_at,
        cast(null as decimal(18, 4)) as revenue_base
    from {{ ref('int_experiment_kept') }}

)

select * from events
union all
select * from touches
union all
select * from goals
union all
select * from kept
