select
    user_key,
    min(user_id) as user_id
from {{ ref('stg_events__messages') }}
where user_key is not null
group by user_key
