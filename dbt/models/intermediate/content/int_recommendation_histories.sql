-- One row per contact and what its touches with content say of it: a topic it met (value: the
-- cosine with an item of that topic), a type among its last touches (value: the type's share), or
-- an item it met lately and is not shown again.
with contacts as (

    select * from {{ ref('int_recommendation_contacts') }}

),

settings as (

    select
        settings.*,
        run_context.as_of
    from {{ ref('stg_marketing__recommendation_settings') }} as settings
    cross join {{ ref('stg_system__run_context') }} as run_context

),

recommendable as (

    select * from {{ ref('int_recommendable_items') }}

),

touches as (

    select
        contacts.contact_number,
        items.topic,
        items.content_type,
        recommendable.item_number,
        recommendable.type_number,
        {{ decayed(
            seconds_between('touches.occurred_at', 'settings.as_of') ~ ' / 86400e0',
            'settings.topic_half_life_days'
        ) }} as weight,
        touches.occurred_at
        >= settings.as_of - settings.repeat_after_days * interval '1' day as is_recent,
        row_number() over (
            partition by contacts.contact_number
            order by touches.occurred_at desc, touches.touch_id asc
        ) <= settings.novelty_items as is_latest
    from {{ ref('int_content_touches') }} as touches
    cross join settings
    inner join contacts on touches.contact_id = contacts.contact_id
    inner join {{ ref('dim_content') }} as items on touches.content_id = items.content_id
    left join recommendable on touches.content_id = recommendable.content_id
    where touches.is_human and touches.occurred_at < settings.as_of

),

topics as (

    select
        contact_number,
        topic,
        sum(weight) as weight
    from touches
    where topic is not null
    group by contact_number, topic

),

latest as (

    select
        contact_number,
        content_type,
        count(*) as touches
    from touches
    where is_latest
    group by contact_number, content_type

)

-- An item has one topic: the cosine of both vectors is that topic's part of the contact's length.
select
    contact_number,
    'topic' as kind,
    topic as name,
    null as type_number,
    null as item_number,
    weight / sqrt(sum(weight * weight) over (partition by contact_number)) as value
from topics
union all
select
    contact_number,
    'type' as kind,
    content_type as name,
    null as type_number,
    null as item_number,
    touches * 1e0 / sum(touches) over (partition by contact_number) as value
from latest
union all
select distinct
    contact_number,
    'item' as kind,
    content_type as name,
    type_number,
    item_number,
    1e0 as value
from touches
where is_recent and item_number is not null
