-- Contacts engaged at as_of, and at the end of the baseline period by what they had done until
-- then: by their engagement score, or by a meeting not long before. The two limits are those of
-- scoring.yml.
with settings as (

    select
        {{ json_number('engaged_from') }} as engaged_from,
        {{ json_number('meeting_days') }} as meeting_days
    from ({{ parameter_rows('account_score_settings') }}) as found

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

moments as (

    select
        'current' as period,
        0 as days_back
    from run_context
    union all
    select
        periods.period,
        {{ days_between('periods.to_on', 'run_context.as_of_on') }} as days_back
    from {{ ref('int_abm_periods') }} as periods
    cross join run_context
    where periods.period = 'baseline'

),

baseline_touches as (

    select
        touches.contact_id,
        touches.touch_id,
        touches.touch_type,
        touches.occurred_at,
        touches.channel,
        touches.depth,
        touches.topic,
        touches.age_days - moments.days_back as age_days
    from {{ ref('int_contact_touches') }} as touches
    inner join moments on touches.age_days > moments.days_back and moments.period = 'baseline'
    left join {{ ref('int_profiling_objections') }} as objections
        on touches.contact_id = objections.contact_id
    where objections.contact_id is null

),

baseline_scores as (

    {{ engagement_components('baseline_touches') }}

),

scores as (

    select
        'current' as period,
        contact_id,
        engagement_score
    from {{ ref('engagement_scores') }}
    union all
    select
        'baseline' as period,
        contact_id,
        engagement_score
    from baseline_scores

),

met as (

    select
        moments.period,
        meetings.contact_id,
        {{ seconds_between('meetings.held_at', 'run_context.as_of') }} / 86400e0
        - moments.days_back as age_days
    from {{ ref('int_meetings') }} as meetings
    cross join run_context
    cross join moments

)

select
    scores.period,
    scores.contact_id
from scores
inner join settings on scores.engagement_score >= settings.engaged_from
union
select
    met.period,
    met.contact_id
from met
inner join settings on met.age_days > 0 and met.age_days <= settings.meeting_days
