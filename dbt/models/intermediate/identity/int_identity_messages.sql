-- One row per combination of identifiers that messages carried together: how often and when. Two
-- of them in one message are a link; one alone only says that the identifier exists.
select
    user_key,
    anonymous_key,
    email_key,
    phone_key,
    case when message_type = 'alias' then previous_user_key end as previous_user_key,
    case when message_type = 'alias' then previous_anonymous_key end as previous_anonymous_key,
    count(*) as observations,
    min(occurred_at) as first_seen_at,
    max(occurred_at) as last_seen_at,
    min(message_id) as evidence_id
from {{ ref('stg_events__messages') }}
group by all
