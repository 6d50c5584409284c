{{ config(materialized='view') }}

-- One row per contact and type: the items of the type that it may be recommended.
with contacts as (

    select * from {{ ref('int_recommendation_contacts') }}

),

items as (

    select * from {{ ref('int_recommendable_items') }}

),

met as (

    select * from {{ ref('int_recommendation_histories') }}
    where kind = 'item'

)

select
    contacts.contact_number,
    offered.type_number,
    offered.items - coalesce(met_items.items, 0) as items
from contacts
inner join (
    select
        vertical,
        language,
        type_number,
        count(*) as items
    from items
    group by vertical, language, type_number
) as offered on contacts.vertical = offered.vertical and contacts.language = offered.language
left join (
    select
        met.contact_number,
        items.vertical,
        items.language,
        items.type_number,
        count(*) as items
    from met
    inner join items on met.item_number = items.item_number
    group by met.contact_number, items.vertical, items.language, items.type_number
) as met_items
    on
        contacts.contact_number = met_items.contact_number
        and offered.vertical = met_items.vertical
        and offered.language = met_items.language
        and offered.type_number = met_items.type_number
