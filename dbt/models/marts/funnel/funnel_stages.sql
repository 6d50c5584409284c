with stages as (

    select
        stages.vertical,
        stages.stage,
        stages.stage_name,
        stages.position,
        stages.is_optional,
        verticals.cohort_window_days,
        -- The next stage every unit must pass: optional stages do not break the chain.
        min(case when not later.is_optional then later.position end) as next_position
    from {{ ref('stg_marketing__funnel_stages') }} as stages
    inner join {{ ref('stg_marketing__verticals') }} as verticals
        on stages.vertical = verticals.vertical
    left join {{ ref('stg_marketing__funnel_stages') }} as later
        on stages.vertical = later.vertical and stages.position < later.position
    group by
        stages.vertical, stages.stage, stages.stage_name, stages.position, stages.is_optional,
        verticals.cohort_window_days

),

months as (

    select
        months.*,
        run_context.as_of_on
    from {{ ref('int_months') }} as months
    cross join {{ ref('stg_system__run_context') }} as run_context

),

entries as (

    select * from {{ ref('int_funnel_entries') }}

),

followed as (

    select
        entries.vertical,
        entries.stage,
        entries.entered_month,
        entries.is_imputed,
        stages.cohort_window_days,
        next_entries.unit_id is not null as has_next,
        {{ days_between('entries.entered_on', 'next_entries.entered_on') }} as days_to_next,
        entries.is_imputed or coalesce(next_entries.is_imputed, true) as is_inferred
    from entries
    inner join stages on entries.vertical = stages.vertical and entries.stage = stages.stage
    left join entries as next_entries
        on
            entries.vertical = next_entries.vertical
            and entries.unit_id = next_entries.unit_id
            and stages.next_position = next_entries.position

),

cohorts as (

    select
        vertical,
        stage,
        entered_month,
        count(*) as entries,
        sum(case when is_imputed then 1 else 0 end) as imputed_entries,
        sum(case when has_next and days_to_next <= cohort_window_days then 1 else 0 end)
            as converted,
        median(case when not is_inferred then days_to_next end) as median_days_to_next
    from followed
    group by vertical, stage, entered_month

),

filled as (

    select
        stages.*,
        months.month,
        months.is_complete,
        coalesce(cohorts.entries, 0) as entries,
        coalesce(cohorts.imputed_entries, 0) as imputed_entries,
        coalesce(cohorts.converted, 0) as converted,
        cohorts.median_days_to_next,
        months.last_on + stages.cohort_window_days < months.as_of_on
        and stages.next_position is not null as is_matured
    from stages
    cross join months
    left join cohorts
        on
            stages.vertical = cohorts.vertical
            and stages.stage = cohorts.stage
            and months.month = cohorts.entered_month

)

select
    filled.vertical,
    filled.month,
    filled.stage,
    filled.stage_name,
    filled.position,
    filled.is_optional,
    filled.is_complete,
    filled.entries,
    filled.imputed_entries,
    next_stage.stage as next_stage,
    next_stage.entries as next_stage_entries,
    {{ ratio('next_stage.entries', 'filled.entries') }} as throughput_ratio,
    filled.cohort_window_days,
    filled.is_matured,
    case when filled.is_matured then filled.entries end as cohort_size,
    case when filled.is_matured then filled.converted end as cohort_converted,
    case when filled.is_matured then {{ ratio('filled.converted', 'filled.entries') }} end
        as cohort_conversion,
    case when filled.is_matured then 1 - {{ ratio('filled.converted', 'filled.entries') }} end
        as cohort_drop_off,
    case when filled.is_matured then {{ wilson_low('filled.converted', 'filled.entries') }} end
        as cohort_conversion_low,
    case when filled.is_matured then {{ wilson_high('filled.converted', 'filled.entries') }} end
        as cohort_conversion_high,
    filled.median_days_to_next
from filled
left join filled as next_stage
    on
        filled.vertical = next_stage.vertical
        and filled.month = next_stage.month
        and filled.next_position = next_stage.position
