-- depends_on: {{ ref('fct_events') }}
-- depends_on: {{ ref('field_values') }}
select
    happening,
    contact_id,
    occurred_at,
    occurred_on,
    amount
from {{ compiled_query('segment_events') }}
