with snapshots as (

    select * from {{ source('lake', 'segment_snapshots') }}

),

identities as (

    select * from {{ ref('identity_map') }}
    where contact_id is not null

)

select
    snapshots.snapshot_id,
    snapshots.segment,
    coalesce(identities.contact_id, snapshots.contact_id) as contact_id,
    min(snapshots.definition_hash) as definition_hash,
    min(snapshots.account_id) as account_id,
    min(snapshots.members_as_of) as members_as_of,
    min(snapshots.known_at) as taken_at
from snapshots
left join identities on snapshots.contact_id = identities.identifier_key
group by
    snapshots.snapshot_id, snapshots.segment, coalesce(identities.contact_id, snapshots.contact_id)
