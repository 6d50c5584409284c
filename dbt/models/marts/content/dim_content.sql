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
    published_at
from {{ ref('stg_content__items') }}
