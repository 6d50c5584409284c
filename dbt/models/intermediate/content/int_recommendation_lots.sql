{{ config(materialized='view') }}

-- One row per contact, place that explores, and item that the contact may be recommended: the
-- smallest lot still allowed has the place. Only ids, day and seed decide: a draw can be repeated.
with settings as (

    select
        settings.*,
        '/' || cast(run_context.as_of_on as varchar) || '/' || settings.seed as salt
    from {{ ref('stg_marketing__recommendation_settings') }} as settings
    cross join {{ ref('stg_system__run_context') }} as run_context

),

contacts as (

    select * from {{ ref('int_recommendation_contacts') }}

),

items as (

    select * from {{ ref('int_recommendable_items') }}

),

met as (

    select * from {{ ref('int_recommendation_histories') }}
    where kind = 'item'

),

exploring as (

    select
        contacts.contact_number,
        contacts.vertical,
        contacts.language,
        numbers.place_number,
        -- Short, so that a lot costs little to draw.
        cast({{ drawn_number(
            "'lots/' || contacts.contact_id || '/' || cast(numbers.place_number as varchar) || settings.salt"
        ) }} as varchar) as lot_salt
    from contacts
    cross join settings
    cross join (
        {% for n in [1, 2, 3] -%}
        select {{ n }} as place_number{{ ' union all ' if not loop.last }}
        {%- endfor %}
    ) as numbers
    where
        {{ even_share_of(
            "contacts.contact_id || '/' || cast(numbers.place_number as varchar) || settings.salt"
        ) }} < settings.exploration

)

select
    exploring.contact_number,
    items.item_number,
    items.type_number,
    exploring.place_number,
    md5(exploring.lot_salt || items.content_id) as place
from exploring
inner join items
    on exploring.vertical = items.vertical and exploring.language = items.language
left join met
    on
        exploring.contact_number = met.contact_number
        and items.item_number = met.item_number
where met.item_number is null
