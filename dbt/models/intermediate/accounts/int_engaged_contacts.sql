{{ config(materialized='view') }}

-- One row per contact that is engaged at as_of: by a meeting not long ago.
with settings as (

    select * from {{ ref('stg_marketing__account_settings') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

)

select distinct meetings.contact_id
from {{ ref('int_meetings') }} as meetings
cross join settings
cross join run_context
where
    {{ seconds_between('meetings.held_at', 'run_context.as_of') }}
    <= settings.meeting_days * 86400e0
