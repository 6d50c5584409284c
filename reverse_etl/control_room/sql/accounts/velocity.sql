with steps as (
    select
        *,
        from_stage || ' to ' || to_stage as step
    from marts.stage_velocity
),

periods as (
    select
        vertical,
        step,
        from_rank,
        to_rank,
        'last period' as period,
        period_from_on as from_on,
        period_to_on as to_on,
        steps as contacts,
        median_days,
        p75_days
    from steps

    union all

    select
        vertical,
        step,
        from_rank,
        to_rank,
        'baseline' as period,
        baseline_from_on as from_on,
        baseline_to_on as to_on,
        baseline_steps as contacts,
        baseline_median_days as median_days,
        baseline_p75_days as p75_days
    from steps
    where baseline_from_on is not null
)

select
    vertical,
    step,
    period,
    from_on,
    to_on,
    contacts,
    median_days,
    p75_days
from periods
where contacts >= 10
order by vertical != 'company', vertical, from_rank, to_rank, period desc
