-- depends_on: {{ ref('fct_touchpoints') }}
select
    happening,
    contact_id,
    occurred_at,
    occurred_on,
    amount
from {{ compiled_query('segment_touches') }}
