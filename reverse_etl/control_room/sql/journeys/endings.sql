select
    journeys.vertical,
    journeys.journey_name,
    executions.ended_by,
    count(*) as enrolments,
    count(*) / any_value(journeys.completed + journeys.exited) as share,
    median(executions.duration_days) as median_days
from marts.journey_executions as executions
inner join marts.journeys as journeys on executions.journey = journeys.journey
where executions.status != 'active'
group by journeys.vertical, journeys.journey_name, executions.ended_by
order by any_value(journeys.entered) desc, journeys.journey_name, enrolments desc
