-- The latest restatement of each page, post and day; the page itself has no post.
with posts as (

    select *
    from {{ source('lake', 'social_posts') }}
    qualify row_number() over (
        partition by platform, page_id, post_id, report_on
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    platform,
    page_id,
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
from posts
