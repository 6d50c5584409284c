select distinct user_key
from {{ ref('stg_events__messages') }}
where user_key is not null
