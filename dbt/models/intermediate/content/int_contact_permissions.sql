-- One row per contact about whom any consent is known: whether it may be profiled, and written to
-- on the channel of content.yml. Without a row neither is allowed.
with states as (

    select * from {{ ref('consent_states') }}
    where contact_id is not null

),

settings as (

    select * from {{ ref('stg_marketing__recommendation_settings') }}

),

purposes as (

    select name
    from {{ ref('stg_marketing__recommendation_lists') }}
    where kind = 'channel_purpose'

),

judged as (

    select
        states.contact_id,
        states.state = 'granted' and states.purpose = settings.profiling_purpose as allows_profile,
        states.state = 'granted'
        and states.channel = settings.channel
        and purposes.name is not null as allows_writing,
        -- A stop that names no purpose ends all of them.
        states.purpose = 'all'
        and states.channel in ('all', settings.channel)
        and states.state not in ('granted', 'unknown') as stops_all,
        states.purpose = settings.profiling_purpose and states.state <> 'granted' as stops_profile
    from states
    cross join settings
    left join purposes on states.purpose = purposes.name

)

select
    contact_id,
    max(case when allows_profile then 1 else 0 end) = 1
    and max(case when stops_all or stops_profile then 1 else 0 end) = 0 as may_profile,
    max(case when allows_writing then 1 else 0 end) = 1
    and max(case when stops_all then 1 else 0 end) = 0 as may_write
from judged
group by contact_id
