-- What each session amounts to, and the messages that tell the rest: its landing and exit page and
-- the first that says where it came from.
with interactions as (

    select
        interactions.*,
        event_sessions.session_start_us,
        {{ time_order('interactions.occurred_at', 'interactions.message_id') }} as time_order
    from {{ ref('int_interactions') }} as interactions
    inner join {{ ref('int_event_sessions') }} as event_sessions
        on interactions.message_id = event_sessions.message_id

)

select
    visitor_number,
    session_start_us,
    md5(min(visitor_key) || '/' || cast(session_start_us as varchar)) as session_id,
    min(visitor_key) as visitor_key,
    min(anonymous_key) as anonymous_key,
    min(user_key) as first_user_key,
    max(user_key) as last_user_key,
    min(occurred_at) as started_at,
    max(occurred_at) as ended_at,
    count(*) as events,
    count(*) filter (where is_view) as page_views,
    count(*) filter (where is_key_event) as key_events,
    min(occurred_at) filter (where is_view) as first_view_at,
    max(occurred_at) filter (where is_view) as last_view_at,
    {{ id_in_order('coalesce(min(time_order) filter (where is_view), min(time_order))') }}
        as landing_message_id,
    {{ id_in_order('coalesce(max(time_order) filter (where is_view), max(time_order))') }}
        as exit_message_id,
    {{ id_in_order('min(time_order) filter (where source_key is not null)') }}
        as source_message_id
from interactions
group by visitor_number, session_start_us
