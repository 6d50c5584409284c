select
    email_key,
    min(stated_email) as email
from {{ ref('stg_events__messages') }}
where email_key is not null and stated_email is not null
group by email_key
