with launches as (

    select * from {{ ref('stg_campaigns__launches') }}

),

messages as (

    select
        source_key as campaign,
        occurrence,
        count(*) as messages,
        count(*) filter (where outcome = 'sent') as sent,
        count(*) filter (where outcome = 'underway') as underway,
        count(*) filter (where outcome = 'unknown') as unknown,
        count(*) filter (where outcome = 'not_sent') as not_sent
    from {{ ref('message_queue') }}
    where source_kind = 'campaign'
    group by source_key, occurrence

)

select
    launches.campaign,
    launches.occurrence,
    launches.version,
    launches.definition_hash,
    launches.status,
    launches.reason,
    launches.planned_at,
    launches.known_at as launched_at,
    launches.snapshot_id,
    launches.contacts,
    case when launches.status = 'launched' then coalesce(messages.sent, 0) else 0 end as sent,
    case when launches.status = 'launched' then coalesce(messages.underway, 0) else 0 end
        as underway,
    case when launches.status = 'launched' then coalesce(messages.unknown, 0) else 0 end
        as unknown,
    case when launches.status = 'launched' then coalesce(messages.not_sent, 0) else 0 end
        as not_sent
from launches
left join messages
    on launches.campaign = messages.campaign and launches.occurrence = messages.occurrence
