select
    vertical,
    journey_name,
    journey_type,
    trigger_kind,
    status,
    entered,
    active,
    completed,
    exited,
    reached_goal,
    matured_completion,
    goal_conversion
from marts.journeys
order by entered desc, journey_name
