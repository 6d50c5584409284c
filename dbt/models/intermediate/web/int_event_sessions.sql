-- Which session each interaction belongs to. A session ends after the pause of channels.yml and,
-- where it says so, with the day or by arriving from another campaign. Only numbers go through the
-- windows, and no order of arrival matters: messages of one moment are peers.
with interactions as (

    select
        message_id,
        {{ number_of('visitor_key') }} as visitor_number,
        {{ epoch_micros('occurred_at') }} as at_us,
        occurred_at,
        source,
        medium,
        campaign,
        click_id_name
    from {{ ref('int_interactions') }}

),

settings as (

    select
        session_settings.*,
        run_context.time_zone,
        cast(session_settings.inactivity_minutes as bigint) * 60000000 as inactivity_us
    from {{ ref('stg_marketing__session_settings') }} as session_settings
    cross join {{ ref('stg_system__run_context') }} as run_context

),

tagged as (

    select
        interactions.message_id,
        interactions.visitor_number,
        interactions.at_us,
        {{ key_of(['source', 'medium', 'campaign', 'click_id_name']) }} as tag
    from interactions
    inner join settings on settings.split_on_campaign
    where
        coalesce(
            interactions.source,
            interactions.medium,
            interactions.campaign,
            interactions.click_id_name
        ) is not null

),

other_campaigns as (

    select message_id
    from tagged
    qualify
        tag is distinct from lag(tag) over (partition by visitor_number order by at_us, tag)

),

pauses as (

    select
        message_id,
        visitor_number,
        at_us,
        occurred_at,
        at_us - lag(at_us) over (partition by visitor_number order by at_us) as pause_us,
        lag(occurred_at) over (partition by visitor_number order by at_us) as earlier_at
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
                or other_campaigns.message_id is not null
                or (
                    settings.split_at_midnight
                    and cast({{ local_time('pauses.occurred_at', 'settings.time_zone') }} as date)
                    > cast({{ local_time('pauses.earlier_at', 'settings.time_zone') }} as date)
                )
                then pauses.at_us
        end as start_us
    from pauses
    cross join settings
    left join other_campaigns on pauses.message_id = other_campaigns.message_id

),

numbered as (

    select
        message_id,
        visitor_number,
        max(start_us) over (partition by visitor_number order by at_us) as session_start_us
    from starts

)

select
    message_id,
    md5(
        cast(visitor_number as varchar) || '/' || cast(session_start_us as varchar)
    ) as session_id
from numbered
