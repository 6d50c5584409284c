with caps as (

    select * from {{ ref('stg_marketing__frequency_caps') }}

),

scopes as (

    select * from {{ ref('stg_marketing__cap_scopes') }}

),

messages as (

    select * from {{ ref('message_queue') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

stopped as (

    select
        detail as cap,
        count(*) filter (where status = 'deferred') as deferred,
        count(*) filter (where status <> 'deferred') as blocked,
        count(distinct contact_id) as contacts_stopped,
        sum(value_lost) filter (where status = 'deferred') as value_delayed,
        sum(value_lost) filter (where status <> 'deferred') as value_lost
    from messages
    where gate = 'cap'
    group by detail

),

-- A calendar week is told here as the last seven days.
passed as (

    select
        caps.cap,
        count(*) as messages_in_window
    from messages
    inner join scopes
        on messages.message_class = scopes.message_class and messages.channel = scopes.channel
    inner join caps on scopes.cap = caps.cap
    cross join run_context
    where
        (messages.outcome in ('sent', 'underway', 'unknown') or messages.status = 'failed_unknown')
        and coalesce(messages.sent_at, messages.scheduled_at)
        > {{ days_later('run_context.as_of', '-coalesce(caps.window_days, 7)') }}
    group by caps.cap

)

select
    caps.cap,
    caps.position,
    caps.classes,
    caps.channels,
    caps.max_messages,
    caps.window_days,
    caps.calendar,
    coalesce(passed.messages_in_window, 0) as messages_in_window,
    coalesce(stopped.deferred, 0) as deferred,
    coalesce(stopped.blocked, 0) as blocked,
    coalesce(stopped.contacts_stopped, 0) as contacts_stopped,
    stopped.value_delayed,
    stopped.value_lost
from caps
left join stopped on caps.cap = stopped.cap
left join passed on caps.cap = passed.cap
