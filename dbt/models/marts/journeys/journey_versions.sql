with versions as (

    select * from {{ ref('stg_journeys__versions') }}

),

executions as (

    select * from {{ ref('journey_executions') }}

),

latest as (

    select
        journey,
        max_by(version, version_sequence) as version,
        max_by(status, version_sequence) as status
    from versions
    group by journey

),

numbers as (

    select
        journey,
        version,
        max_by(definition_hash, version_sequence) as definition_hash,
        max_by(definition, version_sequence) as definition,
        min(known_at) as first_in_force_at,
        count(*) filter (where reason = 'rollback') as rollbacks
    from versions
    group by journey, version

),

entries as (

    select
        journey,
        version,
        count(*) as executions,
        count(*) filter (where status = 'active') as active
    from executions
    group by journey, version

)

select
    numbers.journey,
    numbers.version,
    numbers.definition_hash,
    numbers.first_in_force_at,
    numbers.rollbacks,
    latest.version = numbers.version and latest.status = 'active' as is_in_force,
    coalesce(entries.executions, 0) as executions,
    coalesce(entries.active, 0) as active,
    numbers.definition
from numbers
inner join latest on numbers.journey = latest.journey
left join entries
    on numbers.journey = entries.journey and numbers.version = entries.version
