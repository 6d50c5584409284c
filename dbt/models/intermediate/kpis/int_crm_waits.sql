-- One row per version of a CRM object that came by the API after the first pull of its stream: how
-- long it took to land. What the first pull brought is history and has no lag.
with versions as (

    select
        *,
        min(landed_at) over (partition by stream) as first_landed_at
    from {{ ref('stg_crm__pulled_versions') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

)

select
    versions.stream,
    versions.crm_id,
    versions.known_at,
    {{ month_of(local_time('versions.landed_at', 'run_context.time_zone')) }} as landed_month,
    {{ seconds_between('versions.known_at', 'versions.landed_at') }} / 60e0 as minutes_to_land
from versions
cross join run_context
-- A run back to a past day leaves out what landed later: the day stays as it was.
where
    versions.known_at > versions.first_landed_at
    and {{ landed_by('versions.landed_at', 'run_context.as_of') }}
