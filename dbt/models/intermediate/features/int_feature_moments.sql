-- Apart from the run's clock, so that past months stand while it moves within a month.
with run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

settings as (

    {{ feature_settings() }}

),

starts as (

    select
        run_context.as_of,
        {{ each_date(
            add_months(month_of('run_context.as_of'), '-settings.months'),
            month_of('run_context.as_of'), 'month'
        ) }} as starts_on
    from run_context
    cross join settings

)

select
    cast(starts_on as timestamp) as snapshot_at,
    cast(starts_on as timestamp) - interval '180' day as window_start_at
from starts
where cast(starts_on as timestamp) < as_of
