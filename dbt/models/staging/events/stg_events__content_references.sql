-- One row per tracked event that names a content item.
select
    message_id,
    {{ json_text('properties', 'content_id') }} as content_id
from {{ source('lake', 'events') }}
where type = 'track' and contains(properties, '"content_id"')
