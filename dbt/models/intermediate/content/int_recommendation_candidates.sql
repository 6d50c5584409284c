-- One row per contact and item that could have one of its places by score, with that score.
-- Within a type only the topic tells two contacts of a class apart, and it can only add: so no
-- other items can win than the class's best of each type and, of the topics that the contact
-- knows, the best of each; three of each, and as many more as it met lately.
with contacts as (

    select
        contacts.*,
        3 + coalesce(met.items, 0) as deepest_rank
    from {{ ref('int_recommendation_contacts') }} as contacts
    left join (
        select
            contact_number,
            count(*) as items
        from {{ ref('int_recommendation_histories') }}
        where kind = 'item'
        group by contact_number
    ) as met on contacts.contact_number = met.contact_number

),

fits as (

    select * from {{ ref('int_item_fits') }}

),

items as (

    select * from {{ ref('int_recommendable_items') }}

),

settings as (

    select * from {{ ref('stg_marketing__recommendation_settings') }}

),

histories as (

    select * from {{ ref('int_recommendation_histories') }}

),

shortlist as (

    {% for rank in ['type_rank', 'topic_rank'] -%}
    select
        contacts.contact_number,
        fits.item_number,
        fits.type_number,
        fits.topic,
        fits.class_score
    from contacts
    inner join fits
        on
            contacts.vertical = fits.vertical
            and contacts.language = fits.language
            and contacts.stage = fits.stage
            and contacts.persona = fits.persona
            and contacts.deepest_rank >= fits.{{ rank }}
    {% if rank == 'topic_rank' -%}
    inner join histories
        on
            histories.kind = 'topic'
            and contacts.contact_number = histories.contact_number
            and fits.topic = histories.name
    where fits.type_rank > contacts.deepest_rank
    {% else -%}
    union all
    {% endif -%}
    {% endfor %}
)

select
    shortlist.contact_number,
    shortlist.item_number,
    shortlist.type_number,
    {{ recommendation_score('shortlist.class_score', 'topics.value', 'types.value') }} as score
from shortlist
cross join settings
inner join items on shortlist.item_number = items.item_number
left join histories as topics
    on
        topics.kind = 'topic'
        and shortlist.contact_number = topics.contact_number
        and shortlist.topic = topics.name
left join histories as types
    on
        types.kind = 'type'
        and shortlist.contact_number = types.contact_number
        and items.content_type = types.name
left join histories as met
    on
        met.kind = 'item'
        and shortlist.contact_number = met.contact_number
        and shortlist.item_number = met.item_number
where met.item_number is null
