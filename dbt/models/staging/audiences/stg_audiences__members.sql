-- Who the contact is today: an identifier may since have become another contact's.
with states as (

    select * from {{ source('lake', 'audience_syncs') }}

),

identities as (

    select * from {{ ref('identity_map') }}
    where contact_id is not null

)

select
    states.destination,
    states.audience,
    states.contact_id as member_id,
    coalesce(identities.contact_id, states.contact_id) as contact_id,
    states.operation,
    states.state,
    states.normaliser_version,
    states.attempts,
    states.code,
    states.message,
    states.joined_at,
    states.updated_at,
    states.sequence as state_sequence
from states
left join identities on states.contact_id = identities.identifier_key
