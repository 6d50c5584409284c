select
    contact_id,
    {{ points_by_group() }}
from {{ ref('int_lead_field_points') }}
group by contact_id
