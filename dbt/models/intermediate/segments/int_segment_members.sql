-- depends_on: {{ ref('int_segment_contacts') }}
-- depends_on: {{ ref('int_segment_accounts') }}
select
    segment,
    member_type,
    member_id,
    account_id
from {{ compiled_query('segment_members') }}
