{{ config(materialized='view') }}

-- One row per contact that is engaged at as_of: by its engagement score, or by a meeting not long
-- ago. The two limits are those of scoring.yml.
with settings as (

    select
        {{ json_number('engaged_from') }} as engaged_from,
        {{ json_number('meeting_days') }} as meeting_days
    from ({{ parameter_rows('account_score_settings') }}) as found

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

)

select scores.contact_id
from {{ ref('engagement_scores') }} as scores
cross join settings
where scores.engagement_score >= settings.engaged_from
union
select meetings.contact_id
from {{ ref('int_meetings') }} as meetings
cross join settings
cross join run_context
where
    {{ seconds_between('meetings.held_at', 'run_context.as_of') }}
    <= settings.meeting_days * 86400e0
