{{ config(meta={'month_column': 'occurred_on'}) }}

with touches as (

    select * from {{ ref('int_touches_web') }}
    union all
    select * from {{ ref('int_touches_messages') }}
    union all
    select * from {{ ref('int_touches_offline') }}

),

contacts as (

    select
        contact_id,
        account_id,
        vertical
    from {{ ref('int_contacts') }}

)

select
    md5(touches.source || '/' || touches.source_id) as touch_id,
    touches.touch_type,
    touches.occurred_at,
    touches.occurred_on,
    touches.contact_id,
    touches.visitor_key,
    contacts.account_id,
    coalesce(touches.vertical, contacts.vertical) as vertical,
    touches.channel,
    touches.channel_rule,
    touches.campaign,
    touches.content_id,
    touches.actor_class,
    touches.depth,
    touches.source,
    touches.source_id
from touches
left join contacts on touches.contact_id = contacts.contact_id
