select
    phone_key,
    min(stated_phone) as phone
from {{ ref('stg_events__messages') }}
where phone_key is not null and stated_phone is not null
group by phone_key
