-- Steps that took longer than a period lasts are left out: the baseline period has less history
-- before it than the present, and would seem faster for that alone.
with settings as (

    select * from {{ ref('stg_marketing__account_settings') }}

),

periods as (

    select * from {{ ref('int_abm_periods') }}

),

scopes as (

    {{ vertical_scopes() }}

),

steps as (

    select
        scopes.scope,
        periods.period,
        steps.from_stage,
        steps.to_stage,
        steps.from_rank,
        steps.to_rank,
        steps.days,
        cume_dist() over (
            partition by scopes.scope, periods.period, steps.from_stage, steps.to_stage
            order by steps.days
        ) as share_as_fast
    from {{ ref('int_stage_steps') }} as steps
    inner join settings on steps.days <= settings.period_days
    inner join scopes on steps.vertical = scopes.vertical
    inner join periods
        on steps.stepped_on >= periods.from_on and steps.stepped_on < periods.to_on

),

measured as (

    select
        scope,
        from_stage,
        to_stage,
        from_rank,
        to_rank,
        {% for period in ['current', 'baseline'] -%}
        count(*) filter (where period = '{{ period }}') as {{ period }}_steps,
        median(days) filter (where period = '{{ period }}') as {{ period }}_median_days,
        min(days) filter (where period = '{{ period }}' and share_as_fast >= 0.75e0)
            as {{ period }}_p75_days,
        {% endfor -%}
        count(*) as all_steps
    from steps
    group by scope, from_stage, to_stage, from_rank, to_rank

)

select
    measured.scope as vertical,
    measured.from_stage,
    measured.to_stage,
    measured.from_rank,
    measured.to_rank,
    current_period.from_on as period_from_on,
    current_period.to_on as period_to_on,
    measured.current_steps as steps,
    measured.current_median_days as median_days,
    measured.current_p75_days as p75_days,
    baseline_period.from_on as baseline_from_on,
    baseline_period.to_on as baseline_to_on,
    measured.baseline_steps,
    measured.baseline_median_days,
    measured.baseline_p75_days,
    {{ ratio('measured.current_median_days', 'measured.baseline_median_days') }} - 1 as change
from measured
left join periods as current_period on current_period.period = 'current'
left join periods as baseline_period on baseline_period.period = 'baseline'
