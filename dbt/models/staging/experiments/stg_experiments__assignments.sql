-- Who the contact is today: of several that became one, the first assignment counts.
with assignments as (

    select * from {{ source('lake', 'experiment_assignments') }}

),

identities as (

    select * from {{ ref('identity_map') }}
    where contact_id is not null

)

select
    assignments.experiment,
    assignments.salt,
    coalesce(identities.contact_id, assignments.contact_id) as contact_id,
    assignments.variant,
    assignments.shares,
    assignments.assigned_at
from assignments
left join identities on assignments.contact_id = identities.identifier_key
qualify
    row_number() over (
        partition by
            assignments.experiment,
            assignments.salt,
            coalesce(identities.contact_id, assignments.contact_id)
        order by
            assignments.assigned_at asc,
            assignments.contact_id is distinct from identities.contact_id asc,
            assignments.contact_id asc
    ) = 1
