with steps as (

    select * from {{ ref('stg_marketing__path_steps') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

-- What was seen, in the order it was seen: stages inferred from later ones are no steps.
seen as (

    select
        entries.vertical,
        entries.unit_id,
        entries.stage,
        entries.position,
        entries.entered_on,
        entries.entered_on + verticals.cohort_window_days < run_context.as_of_on as is_matured,
        verticals.cohort_window_days,
        lead(entries.stage) over unit_path as next_stage,
        lead(entries.entered_on) over unit_path as next_entered_on
    from {{ ref('int_funnel_entries') }} as entries
    inner join {{ ref('stg_marketing__verticals') }} as verticals
        on entries.vertical = verticals.vertical
    cross join run_context
    where not entries.is_imputed
    window
        unit_path as (
            partition by entries.vertical, entries.unit_id
            order by entries.entered_at, entries.position
        )

),

moves as (

    select
        vertical,
        stage as from_stage,
        case
            when {{ days_between('entered_on', 'next_entered_on') }} <= cohort_window_days
                then next_stage
        end as to_stage,
        {{ days_between('entered_on', 'next_entered_on') }} as days
    from seen
    where is_matured

),

observed as (

    select
        vertical,
        from_stage,
        to_stage,
        count(*) as units,
        median(case when to_stage is not null then days end) as median_days
    from moves
    group by vertical, from_stage, to_stage

),

totals as (

    select
        vertical,
        from_stage,
        sum(units) as units
    from observed
    group by vertical, from_stage

),

edges as (

    select
        vertical,
        from_stage,
        to_stage
    from steps
    union
    select
        vertical,
        from_stage,
        to_stage
    from observed
    where to_stage is not null

)

select
    edges.vertical,
    edges.from_stage,
    edges.to_stage,
    stages.position as from_position,
    steps.to_stage is not null as is_expected,
    steps.expected_share,
    coalesce(totals.units, 0) as from_units,
    coalesce(observed.units, 0) as units,
    {{ ratio('coalesce(observed.units, 0)', 'totals.units') }} as observed_share,
    {{ wilson_low('coalesce(observed.units, 0)', 'totals.units') }} as observed_share_low,
    {{ wilson_high('coalesce(observed.units, 0)', 'totals.units') }} as observed_share_high,
    case
        when steps.expected_share is null or totals.units is null then null
        when
            steps.expected_share
            < {{ wilson_low('coalesce(observed.units, 0)', 'totals.units') }}
            then 'more_often'
        when
            steps.expected_share
            > {{ wilson_high('coalesce(observed.units, 0)', 'totals.units') }}
            then 'less_often'
        else 'as_expected'
    end as finding,
    observed.median_days
from edges
left join steps
    on
        edges.vertical = steps.vertical
        and edges.from_stage = steps.from_stage
        and edges.to_stage = steps.to_stage
left join observed
    on
        edges.vertical = observed.vertical
        and edges.from_stage = observed.from_stage
        and edges.to_stage = observed.to_stage
left join totals
    on edges.vertical = totals.vertical and edges.from_stage = totals.from_stage
left join {{ ref('stg_marketing__funnel_stages') }} as stages
    on edges.vertical = stages.vertical and edges.from_stage = stages.stage
