{{ config(materialized='view') }}

-- One row per unit and bootstrap replicate it is drawn into, with how often.
with units as (

    select
        known.vertical,
        known.unit_id,
        {{ drawn_number("max(settings.seed) || '/' || known.vertical || '/' || known.unit_id") }}
            as drawn,
        max(settings.replicates) as replicates
    from (
        select
            vertical,
            unit_id
        from {{ ref('int_attribution_paths') }}
        union
        select
            vertical,
            coalesce(unit_id, conversion_id) as unit_id
        from {{ ref('int_attribution_conversions') }}
    ) as known
    cross join {{ ref('stg_marketing__attribution_settings') }} as settings
    group by known.vertical, known.unit_id

),

draws as (

    select
        units.vertical,
        units.unit_id,
        replicates.replicate,
        {{ bootstrap_weight('units.drawn', 'replicates.replicate') }} as weight
    from units
    cross join (
        select {{ each_number('1', 'replicates') }} as replicate
        from {{ ref('stg_marketing__attribution_settings') }}
    ) as replicates

)

select
    vertical,
    unit_id,
    cast(replicate as integer) as replicate,
    weight
from draws
where weight > 0
