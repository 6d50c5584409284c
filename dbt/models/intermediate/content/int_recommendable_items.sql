-- One row per item that may be recommended to anybody: approved, out, of a type that is
-- recommended, and with a vertical and a language. item_number follows the ids, so that ties in a
-- score are broken by id; numbers go through the windows faster than texts.
with items as (

    select * from {{ ref('dim_content') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

lists as (

    select * from {{ ref('stg_marketing__recommendation_lists') }}

)

select
    items.content_id,
    items.content_type,
    items.vertical,
    lower({{ text_before('items.language', '-') }}) as language,
    items.topic,
    items.persona as written_for,
    items.stage,
    items.published_at,
    {{ seconds_between('items.published_at', 'run_context.as_of') }} / 86400e0 as age_days,
    free_types.name is null as needs_approval,
    row_number() over (order by items.content_id) as item_number,
    types.type_number
from items
cross join run_context
inner join (
    select
        name,
        row_number() over (order by name) as type_number
    from lists
    where kind = 'content_type'
) as types on items.content_type = types.name
inner join lists as statuses
    on statuses.kind = 'approved_status' and lower(items.status) = statuses.name
left join lists as free_types
    on
        free_types.kind = 'approved_content_type'
        and items.content_type = free_types.name
where
    items.published_at < run_context.as_of
    and items.vertical is not null
    and items.language is not null
