-- What there is to score from.
with moment as (

    select
        as_of as snapshot_at,
        as_of - interval '180' day as window_start_at
    from {{ ref('stg_system__run_context') }}

),

summed as (

    {{ signal_sums('moment', ref('int_feature_people')) }}

)

select * from summed
