-- One row per user id: the contact it belongs to. Of several CRM contacts with one user id the
-- oldest counts.
select
    user_key,
    contact_id,
    vertical
from {{ ref('int_contacts') }}
where user_key is not null
qualify row_number() over (
    partition by user_key order by created_at nulls last, contact_id
) = 1
