-- The version in force of each content item.
with content_items as (

    select *
    from {{ source('lake', 'content_items') }}
    qualify row_number() over (
        partition by content_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    content_id,
    title,
    content_type,
    vertical,
    language,
    topic,
    persona,
    stage,
    channel,
    url,
    status,
    published_at,
    known_at
from content_items
