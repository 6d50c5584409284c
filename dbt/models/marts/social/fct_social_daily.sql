select
    platform,
    page_id,
    case when post_id is null then 'page' else 'post' end as level,
    post_id,
    title,
    url,
    report_on,
    published_at,
    impressions,
    clicks,
    reactions,
    comments,
    shares,
    followers_gained,
    known_at
from {{ ref('stg_social__posts') }}
