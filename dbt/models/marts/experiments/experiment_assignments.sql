with experiments as (

    select * from {{ ref('int_experiments') }}

),

assignments as (

    select * from {{ ref('stg_experiments__assignments') }}

)

select
    assignments.experiment,
    assignments.contact_id,
    assignments.variant,
    assignments.variant = experiments.control as is_control,
    assignments.shares,
    assignments.assigned_at,
    {{ days_later('assignments.assigned_at', 'experiments.within_days') }} as window_ends_at
from assignments
inner join experiments
    on
        assignments.experiment = experiments.experiment
        and assignments.salt = experiments.salt
