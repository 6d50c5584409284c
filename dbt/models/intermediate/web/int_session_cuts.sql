-- Moments at which a session of a device ends though there was no pause: a new day or another
-- campaign, where channels.yml asks for it. No row, and no cost, where it does not.
with interactions as (

    select * from {{ ref('int_interactions') }}

),

settings as (

    select
        session_settings.*,
        reporting.time_zone
    from {{ ref('stg_marketing__session_settings') }} as session_settings
    cross join {{ ref('stg_system__reporting') }} as reporting

),

days as (

    select
        interactions.visitor_number,
        {{ epoch_micros('interactions.occurred_at') }} as at_us,
        cast({{ local_time('interactions.occurred_at', 'settings.time_zone') }} as date) as tag
    from interactions
    inner join settings on settings.split_at_midnight

),

campaigns as (

    select
        interactions.visitor_number,
        {{ epoch_micros('interactions.occurred_at') }} as at_us,
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

)

select
    visitor_number,
    at_us
from days
qualify tag is distinct from lag(tag) over (partition by visitor_number order by at_us)
union
select
    visitor_number,
    at_us
from campaigns
qualify tag is distinct from lag(tag) over (partition by visitor_number order by at_us, tag)
