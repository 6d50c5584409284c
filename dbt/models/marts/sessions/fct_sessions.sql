{{ config(meta={'month_column': 'started_on'}) }}

with profiles as (

    select * from {{ ref('int_session_profiles') }}

),

actors as (

    select * from {{ ref('int_session_actors') }}

),

settings as (

    select * from {{ ref('stg_marketing__session_settings') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

),

-- Every session that is not direct begins a run of a person's sessions.
runs as (

    select
        *,
        sum(case when channel = 'direct' then 0 else 1 end) over (
            partition by person_key
            order by started_at, session_id
            rows between unbounded preceding and current row
        ) as run_number
    from profiles

),

remembered as (

    select
        *,
        first_value(channel) over (
            partition by person_key, run_number order by started_at, session_id
        ) as run_channel,
        first_value(started_at) over (
            partition by person_key, run_number order by started_at, session_id
        ) as run_started_at
    from runs

)

select
    remembered.session_id,
    remembered.visitor_key,
    remembered.contact_id,
    remembered.vertical,
    case when remembered.landing_host is null then 'app' else 'web' end as surface,
    remembered.started_at,
    remembered.ended_at,
    cast({{ local_time('remembered.started_at', 'reporting.time_zone') }} as date) as started_on,
    {{ seconds_between('remembered.started_at', 'remembered.ended_at') }} as duration_seconds,
    remembered.events,
    remembered.page_views,
    remembered.key_events,
    remembered.landing_host,
    remembered.landing_path,
    remembered.exit_path,
    remembered.channel,
    remembered.channel_rule,
    remembered.source,
    remembered.medium,
    remembered.campaign,
    remembered.click_id_name,
    remembered.referrer_host,
    case
        when
            {{ seconds_between('remembered.run_started_at', 'remembered.started_at') }}
            <= settings.last_non_direct_days * 86400
            then remembered.run_channel
        else remembered.channel
    end as last_non_direct_channel,
    (
        {{ seconds_between('remembered.started_at', 'remembered.ended_at') }}
        >= settings.engaged_seconds
        or remembered.page_views >= settings.engaged_page_views
        or remembered.key_events > 0
    ) as is_engaged,
    coalesce(actors.actor_class, 'human') as actor_class,
    actors.actor_rule,
    actors.actor_confidence
from remembered
left join actors on remembered.session_id = actors.session_id
cross join settings
cross join reporting
