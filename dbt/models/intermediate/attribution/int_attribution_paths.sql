-- One row per path of a unit towards a goal, with at least one touch: of each conversion, and of
-- each unit that did not convert within the look-back after its last touch (a null path). Units
-- whose look-back is still open are left out: nobody knows yet. Equal channels in a row are one
-- step.
with conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

touches as (

    select * from {{ ref('int_attribution_touches') }}

),

reaches as (

    select * from {{ ref('stg_marketing__attribution_verticals') }}

),

ends as (

    select
        vertical,
        unit_id,
        max(occurred_at) as last_at
    from touches
    group by vertical, unit_id

),

goals as (

    select distinct
        vertical,
        goal
    from conversions

),

untouched as (

    select
        ends.vertical,
        goals.goal,
        ends.unit_id,
        ends.last_at,
        max(reaches.lookback_days) as lookback_days,
        max(case when conversions.converted_at < ends.last_at then conversions.converted_at end)
            as previous_at
    from ends
    inner join goals on ends.vertical = goals.vertical
    inner join reaches on ends.vertical = reaches.vertical
    cross join {{ ref('stg_system__run_context') }} as run_context
    left join conversions
        on
            ends.vertical = conversions.vertical
            and goals.goal = conversions.goal
            and ends.unit_id = conversions.unit_id
    where {{ days_later('ends.last_at', 'reaches.lookback_days') }} <= run_context.as_of
    group by ends.vertical, goals.goal, ends.unit_id, ends.last_at
    having
        count(
            case
                when
                    conversions.converted_at >= ends.last_at
                    and conversions.converted_at
                    <= {{ days_later('ends.last_at', 'reaches.lookback_days') }}
                    then 1
            end
        ) = 0

),

steps as (

    select
        vertical,
        goal,
        unit_id,
        conversion_id,
        channel,
        touched_at,
        touch_id
    from {{ ref('attribution_touchpoints') }}
    where is_in_lookback and touched_at is not null
    union all
    select
        touches.vertical,
        untouched.goal,
        touches.unit_id,
        null as conversion_id,
        touches.channel,
        touches.occurred_at as touched_at,
        touches.touch_id
    from untouched
    cross join {{ ref('stg_marketing__attribution_settings') }} as settings
    inner join touches
        on
            untouched.vertical = touches.vertical
            and untouched.unit_id = touches.unit_id
            and untouched.last_at
            <= {{ days_later('touches.occurred_at', 'untouched.lookback_days') }}
            and (
                untouched.previous_at is null
                or not settings.is_exclusive
                or untouched.previous_at < touches.occurred_at
            )

),

turns as (

    select
        *,
        lag(channel) over (
            partition by vertical, goal, unit_id, conversion_id order by touched_at, touch_id
        ) as channel_before,
        row_number() over (
            partition by vertical, goal, unit_id, conversion_id, channel
            order by touched_at, touch_id
        ) as turn
    from steps

)

select
    vertical,
    goal,
    unit_id,
    conversion_id,
    string_agg(channel, '>' order by touched_at, touch_id) filter (
        where channel_before is null or channel_before != channel
    ) as path,
    string_agg(channel, '>' order by channel) filter (where turn = 1) as channels
from turns
group by vertical, goal, unit_id, conversion_id
