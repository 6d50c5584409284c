-- A day is complete once its source told of a later moment; of mails once a day more has passed in
-- which they may be clicked. A platform must also have reported the day itself.
with events as (

    select max(known_at) as known_at from {{ ref('fct_events') }}

),

mails as (

    select max(known_at) as known_at from {{ ref('stg_delivery__events') }}

),

crm as (

    select max(known_at) as known_at from {{ source('lake', 'crm_contacts') }}
    union all
    select max(known_at) as known_at from {{ source('lake', 'crm_deals') }}

),

told as (

    select
        'events' as series_source,
        0 as waits_days,
        cast(null as date) as reported_on,
        known_at
    from events
    union all
    select
        'mails' as series_source,
        1 as waits_days,
        null as reported_on,
        greatest(events.known_at, mails.known_at) as known_at
    from events
    cross join mails
    union all
    select
        'crm' as series_source,
        0 as waits_days,
        null as reported_on,
        max(known_at) as known_at
    from crm
    union all
    select
        'ads/' || platform as series_source,
        0 as waits_days,
        max(spend_on) as reported_on,
        max(known_at) as known_at
    from {{ ref('stg_ads__spend') }}
    group by platform

)

select
    told.series_source,
    told.known_at,
    least(
        cast({{ local_time('told.known_at', 'reporting.time_zone') }} as date)
        - 1 - told.waits_days,
        coalesce(told.reported_on, date '9999-12-31')
    ) as complete_until_on
from told
cross join {{ ref('stg_system__reporting') }} as reporting
where told.known_at is not null
