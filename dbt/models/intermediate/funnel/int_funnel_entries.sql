-- One row per vertical, unit and stage it entered, at the first entry. A later stage implies the
-- earlier ones: those without a sighting of their own are imputed at the next later entry, except
-- optional stages, which are not imputed and do not break the chain. An earlier stage seen after
-- a later one is moved back to it and counts as imputed too.
with stages as (

    select * from {{ ref('stg_marketing__funnel_stages') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

first_sightings as (

    select
        sightings.vertical,
        sightings.unit_id,
        sightings.stage,
        min(sightings.entered_at) as seen_at
    from {{ ref('int_funnel_sightings') }} as sightings
    cross join run_context
    where sightings.unit_id is not null and sightings.entered_at < run_context.as_of
    group by sightings.vertical, sightings.unit_id, sightings.stage

),

units as (

    select distinct
        vertical,
        unit_id
    from first_sightings

),

grid as (

    select
        units.vertical,
        units.unit_id,
        stages.stage,
        stages.position,
        stages.metric,
        stages.is_optional,
        first_sightings.seen_at,
        min(first_sightings.seen_at) over (
            partition by units.vertical, units.unit_id
            order by stages.position
            rows between current row and unbounded following
        ) as entered_at
    from units
    inner join stages on units.vertical = stages.vertical
    left join first_sightings
        on
            units.vertical = first_sightings.vertical
            and units.unit_id = first_sightings.unit_id
            and stages.stage = first_sightings.stage

),

entered as (

    select
        grid.*,
        cast({{ local_time('grid.entered_at', 'run_context.time_zone') }} as date) as entered_on
    from grid
    cross join run_context
    where
        grid.entered_at is not null
        and not (grid.is_optional and grid.seen_at is null)

)

select
    vertical,
    unit_id,
    stage,
    position,
    metric,
    is_optional,
    entered_at,
    entered_on,
    {{ month_of('entered_on') }} as entered_month,
    coalesce(seen_at > entered_at, true) as is_imputed
from entered
