with steps as (

    select * from {{ ref('stg_journeys__steps') }}

),

enrolments as (

    select
        enrolment_id,
        min(journey) as journey,
        max_by(version, step_number) as version,
        max_by(contact_id, step_number) as contact_id,
        max(occurrence) as occurrence,
        min(case when step_number = 1 then version end) as entered_version,
        min(case when step_number = 1 then left_at end) as entered_at,
        min(case when step_number = 1 then arrived_at end) as triggered_at,
        min(case when step_number = 1 then evidence end) as trigger_evidence,
        max(step_number) as steps,
        max_by(coalesce(next_node, ''), step_number) as next_node,
        max_by(node, step_number) as last_node,
        max_by(outcome, step_number) as last_outcome,
        max_by(left_at, step_number) as last_at
    from steps
    group by enrolment_id

)

select
    enrolment_id,
    journey,
    version,
    entered_version,
    contact_id,
    occurrence,
    triggered_at,
    entered_at,
    trigger_evidence,
    steps,
    case
        when next_node != '' then 'active'
        when last_outcome in ('completed', 'goal') then 'completed'
        else 'exited'
    end as status,
    case when next_node = '' then last_outcome end as ended_by,
    case when next_node = '' then last_at end as ended_at,
    case when next_node = '' then last_node else next_node end as node,
    last_outcome = 'goal' as has_reached_goal,
    case when next_node = '' then {{ seconds_between('entered_at', 'last_at') }} / 86400e0 end
        as duration_days
from enrolments
