with steps as (

    select * from {{ ref('stg_journeys__steps') }}

)

select
    enrolment_id,
    step_number,
    journey,
    version,
    contact_id,
    node,
    visit,
    kind,
    outcome,
    next_node,
    arrived_at,
    left_at,
    {{ seconds_between('arrived_at', 'left_at') }} / 3600e0 as hours_in_node,
    evidence,
    known_at
from steps
