select distinct
    user_key,
    company_key
from {{ ref('stg_events__messages') }}
where message_type = 'group' and user_key is not null and company_key is not null
