-- One row per contact and item that it may be recommended: what its class says of the item, and
-- what its own history adds. Scores are rounded, or ties would depend on the order of addition.
with contacts as (

    select * from {{ ref('int_recommendation_contacts') }}

),

fits as (

    select * from {{ ref('int_item_fits') }}

),

settings as (

    select
        settings.*,
        run_context.as_of
    from {{ ref('stg_marketing__recommendation_settings') }} as settings
    cross join {{ ref('stg_system__run_context') }} as run_context

),

types as (

    select distinct
        content_type,
        type_number
    from {{ ref('int_recommendable_items') }}

),

item_numbers as (

    select
        content_id,
        item_number
    from {{ ref('int_recommendable_items') }}

),

touches as (

    select
        contacts.contact_number,
        touches.touch_id,
        touches.content_id,
        touches.occurred_at,
        items.topic,
        items.content_type,
        {{ seconds_between('touches.occurred_at', 'settings.as_of') }} / 86400e0 as age_days,
        touches.occurred_at
        >= settings.as_of - settings.repeat_after_days * interval '1' day as is_recent
    from {{ ref('int_content_touches') }} as touches
    cross join settings
    inner join contacts on touches.contact_id = contacts.contact_id
    inner join {{ ref('dim_content') }} as items on touches.content_id = items.content_id
    where touches.is_human and touches.occurred_at < settings.as_of

),

-- Each item has one topic, so the cosine of both vectors is the topic's share of one's length.
interests as (

    select
        topic_weights.contact_number,
        topic_weights.topic,
        topic_weights.weight / sqrt(
            sum(topic_weights.weight * topic_weights.weight) over (
                partition by topic_weights.contact_number
            )
        ) as topic_fit
    from (
        select
            touches.contact_number,
            touches.topic,
            sum({{ decayed('touches.age_days', 'settings.topic_half_life_days') }}) as weight
        from touches
        cross join settings
        where touches.topic is not null
        group by touches.contact_number, touches.topic
    ) as topic_weights

),

latest as (

    select
        touches.contact_number,
        touches.content_type
    from touches
    cross join settings
    qualify row_number() over (
        partition by touches.contact_number order by touches.occurred_at desc, touches.touch_id
    ) <= max(settings.novelty_items) over (partition by touches.contact_number)

),

habits as (

    select
        counted.contact_number,
        types.type_number,
        counted.touches * 1e0
        / sum(counted.touches) over (partition by counted.contact_number) as share
    from (
        select
            contact_number,
            content_type,
            count(*) as touches
        from latest
        group by contact_number, content_type
    ) as counted
    left join types on counted.content_type = types.content_type

),

consumed as (

    select distinct
        touches.contact_number,
        item_numbers.item_number
    from touches
    inner join item_numbers on touches.content_id = item_numbers.content_id
    where touches.is_recent

)

select
    contacts.contact_number,
    fits.item_number,
    fits.type_number,
    coalesce(interests.topic_fit, 0e0) as topic_fit,
    1e0 - coalesce(habits.share, 0e0) as novelty,
    round(
        fits.class_score
        + settings.topic_weight * coalesce(interests.topic_fit, 0e0)
        + settings.novelty_weight * (1e0 - coalesce(habits.share, 0e0)), 9
    ) as score
from contacts
cross join settings
inner join fits
    on
        contacts.vertical = fits.vertical
        and contacts.language = fits.language
        and contacts.stage = fits.stage
        and contacts.persona = fits.persona
left join interests
    on contacts.contact_number = interests.contact_number and fits.topic = interests.topic
left join habits
    on contacts.contact_number = habits.contact_number and fits.type_number = habits.type_number
left join consumed
    on
        contacts.contact_number = consumed.contact_number
        and fits.item_number = consumed.item_number
where consumed.item_number is null
