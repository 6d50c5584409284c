select
    segment,
    contact_id,
    similarity_rank,
    distance,
    nearest_member_id,
    seed_members
from {{ source('lake', 'lookalikes') }}
