with versions as (

    select * from {{ ref('stg_journeys__versions') }}

),

nodes as (

    select * from {{ ref('stg_journeys__nodes') }}

),

executions as (

    select * from {{ ref('journey_executions') }}

),

in_force as (

    select *
    from versions
    qualify row_number() over (partition by journey order by version_sequence desc) = 1

),

sizes as (

    select
        journey,
        version,
        count(*) - 1 as nodes,
        count(*) filter (where way = 'send') as sends,
        max(trigger_kind) as trigger_kind
    from nodes
    group by journey, version

),

begun as (

    select
        journey,
        min(known_at) as first_in_force_at
    from versions
    group by journey

),

counted as (

    select
        journey,
        count(*) as entered,
        count(*) filter (where status = 'active') as active,
        count(*) filter (where status = 'completed') as completed,
        count(*) filter (where status = 'exited') as exited,
        count(*) filter (where ended_by = 'goal') as reached_goal
    from executions
    group by journey

),

matured as (

    select
        journey,
        count(*) filter (where status = 'completed') as completed,
        count(*) as ended
    from {{ ref('int_matured_executions') }}
    group by journey

)

select
    in_force.journey,
    in_force.journey_name,
    in_force.journey_description,
    in_force.vertical,
    in_force.journey_type,
    in_force.version,
    in_force.status,
    sizes.trigger_kind,
    sizes.trigger_kind != 'manual' as is_automated,
    in_force.purpose,
    in_force.message_class,
    sizes.nodes,
    sizes.sends,
    begun.first_in_force_at,
    coalesce(counted.entered, 0) as entered,
    coalesce(counted.active, 0) as active,
    coalesce(counted.completed, 0) as completed,
    coalesce(counted.exited, 0) as exited,
    coalesce(counted.reached_goal, 0) as reached_goal,
    {{ ratio('counted.completed', 'counted.entered') }} as raw_completion,
    {{ ratio('matured.completed', 'matured.ended') }} as matured_completion,
    {{ ratio('counted.reached_goal', 'counted.entered') }} as goal_conversion,
    in_force.definition
from in_force
inner join begun on in_force.journey = begun.journey
left join sizes on in_force.journey = sizes.journey and in_force.version = sizes.version
left join counted on in_force.journey = counted.journey
left join matured on in_force.journey = matured.journey
