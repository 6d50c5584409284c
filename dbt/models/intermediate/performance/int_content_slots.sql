{{ config(materialized='view') }}

-- One row per planned slot of a series, up to the horizon: the items published in
-- [fills_from_on, fills_until_on) may fill it. The intervals of a series do not overlap.
with cadence as (

    select * from {{ ref('stg_marketing__content_cadence') }}

),

settings as (

    select * from {{ ref('stg_marketing__content_settings') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

series_days as (

    select
        cadence.vertical,
        cadence.channel,
        cadence.content_type,
        cadence.starts_on,
        cadence.rhythm,
        cadence.rhythm_number,
        settings.early_days,
        settings.on_time_days,
        {{ each_date(
            'cadence.starts_on',
            'least(
                coalesce(cadence.ends_on - 1, run_context.as_of_on + settings.horizon_days),
                run_context.as_of_on + settings.horizon_days
            )',
            'day'
        ) }} as planned_on
    from cadence
    cross join settings
    cross join run_context

),

days_of_series as (

    select
        *,
        {{ days_between('starts_on', 'planned_on') }} as days_since_start
    from series_days

),

slots as (

    select distinct
        vertical,
        channel,
        content_type,
        planned_on,
        early_days,
        on_time_days
    from days_of_series
    where
        case rhythm
            when 'weekday' then {{ iso_weekday('planned_on') }} = rhythm_number
            when 'month_day'
                then
                    extract(day from planned_on) = least(
                        rhythm_number,
                        extract(
                            day from {{ add_months(month_of('planned_on'), 1) }} - 1
                        )
                    )
            -- The day of the k-th slot is k x every_days, rounded down.
            else
                floor(ceil(days_since_start / rhythm_number) * rhythm_number) = days_since_start
        end

),

gaps as (

    select
        *,
        {{ days_between(
            'lag(planned_on) over (partition by vertical, channel, content_type order by planned_on)',
            'planned_on'
        ) }} as days_since_last
    from slots

),

starts as (

    select
        *,
        -- Slots that lie close share no day: half of the days between them is the most.
        planned_on - cast(
            least(early_days, coalesce(floor(days_since_last / 2e0), early_days)) as integer
        ) as fills_from_on
    from gaps

)

select
    vertical,
    channel,
    content_type,
    planned_on,
    fills_from_on,
    coalesce(
        lead(fills_from_on) over (
            partition by vertical, channel, content_type order by planned_on
        ),
        planned_on + cast(coalesce(days_since_last, on_time_days + 1) as integer)
    ) as fills_until_on,
    planned_on + on_time_days as late_after_on
from starts
