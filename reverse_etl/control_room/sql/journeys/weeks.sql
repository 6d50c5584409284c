-- Names need not be unique; keys are.
with named as (
    select
        * replace (
            journey_name || if(count(*) over (partition by journey_name) > 1, ' (' || journey || ')', '')
                as journey_name
        )
    from marts.journeys
),

moments as (
    select
        journey,
        'entered' as what,
        entered_at as happened_at
    from marts.journey_executions

    union all

    select
        journey,
        case when has_reached_goal then 'reached the goal' else status end as what,
        ended_at as happened_at
    from marts.journey_executions
    where ended_at is not null
),

weeks as (
    select
        journey,
        what,
        cast(date_trunc('week', happened_at) as date) as week,
        count(*) as enrolments
    from moments
    group by all
)

select
    journeys.vertical,
    journeys.journey_name,
    weeks.week,
    weeks.what,
    weeks.enrolments
from weeks
inner join named as journeys on weeks.journey = journeys.journey
where weeks.week > (select max(week) from weeks) - 7 * 26
order by
    journeys.entered desc,
    journeys.journey_name,
    list_position(['entered', 'reached the goal', 'completed', 'exited'], weeks.what),
    weeks.week
