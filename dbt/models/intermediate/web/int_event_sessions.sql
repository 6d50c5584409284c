-- Which session each interaction belongs to, as two numbers: its device and the session's start.
-- A session ends after the pause of channels.yml, and where int_session_cuts says so. Only numbers
-- go through the windows, and no order of arrival matters: messages of one moment are peers.
with interactions as (

    select
        message_id,
        visitor_number,
        {{ epoch_micros('occurred_at') }} as at_us
    from {{ ref('int_interactions') }}

),

settings as (

    select cast(inactivity_minutes as bigint) * 60000000 as inactivity_us
    from {{ ref('stg_marketing__session_settings') }}

),

cuts as (

    select * from {{ ref('int_session_cuts') }}

),

pauses as (

    select
        message_id,
        visitor_number,
        at_us,
        at_us - lag(at_us) over (partition by visitor_number order by at_us) as pause_us
    from interactions

),

starts as (

    select
        pauses.message_id,
        pauses.visitor_number,
        pauses.at_us,
        case
            when
                pauses.pause_us is null
                or pauses.pause_us >= settings.inactivity_us
                or cuts.at_us is not null
                then pauses.at_us
        end as start_us
    from pauses
    cross join settings
    left join cuts
        on pauses.visitor_number = cuts.visitor_number and pauses.at_us = cuts.at_us

)

select
    message_id,
    visitor_number,
    max(start_us) over (partition by visitor_number order by at_us) as session_start_us
from starts
