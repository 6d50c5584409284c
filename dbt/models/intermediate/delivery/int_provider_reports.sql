-- Of the messages that a provider accepted in the 30 days before as_of, how many it has told
-- something of since. A message counts once, however often it is told.
with logs as (

    select * from {{ ref('delivery_logs') }} where not is_test

),

accepted as (

    select distinct
        logs.provider,
        logs.channel,
        logs.message_id
    from logs
    cross join {{ ref('stg_system__run_context') }} as run_context
    where
        logs.entry_kind = 'attempt'
        and logs.event_type = 'accepted'
        and logs.occurred_at > {{ days_later('run_context.as_of', '-30') }}

),

told as (

    select
        provider,
        message_id,
        max(case when event_type = 'delivered' then 1 else 0 end) as is_delivered,
        max(case when event_type in ('bounced', 'dropped', 'failed') then 1 else 0 end)
            as is_bounced,
        max(case when event_type = 'complained' then 1 else 0 end) as is_complained
    from logs
    where entry_kind = 'event' and message_id is not null
    group by provider, message_id

)

select
    accepted.provider,
    accepted.channel,
    count(*) as accepted_messages,
    count(told.message_id) as reported_messages,
    coalesce(sum(told.is_delivered), 0) as delivered_messages,
    coalesce(sum(told.is_bounced), 0) as bounced_messages,
    coalesce(sum(told.is_complained), 0) as complained_messages
from accepted
left join told
    on accepted.provider = told.provider and accepted.message_id = told.message_id
group by accepted.provider, accepted.channel
