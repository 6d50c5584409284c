with controls as (

    select * from {{ ref('stg_marketing__controls') }}

),

measured as (

    select * from {{ ref('int_control_months') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

)

select
    measured.month,
    controls.control,
    controls.control_position,
    controls.control_name,
    controls.asked_by,
    measured.measured,
    measured.counted,
    measured.counted_of,
    controls.at_most,
    controls.at_least,
    case
        when coalesce(controls.at_most, controls.at_least) is null then 'no_limit'
        when measured.measured is null then 'nothing_to_measure'
        when measured.measured > controls.at_most or measured.measured < controls.at_least
            then 'failed'
        else 'met'
    end as status,
    measured.month < run_context.as_of_month as is_complete
from controls
inner join measured on controls.control = measured.control
cross join run_context
