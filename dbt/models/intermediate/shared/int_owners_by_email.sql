-- One row per address: the CRM owner it belongs to. One who is still there counts before one who
-- left.
select
    email,
    crm_id as owner_id
from {{ ref('stg_crm__owners') }}
where email is not null
qualify row_number() over (
    partition by email order by is_archived asc, created_at desc nulls last, crm_id asc
) = 1
