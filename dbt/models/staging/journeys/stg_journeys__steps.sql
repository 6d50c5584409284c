-- Who the contact is today: an identifier may since have become another contact's.
with steps as (

    select *
    from {{ source('lake', 'journey_steps') }}
    where kind != 'watch'

),

identities as (

    select * from {{ ref('identity_map') }}
    where contact_id is not null

)

select
    steps.journey,
    steps.version,
    steps.enrolment_id,
    coalesce(identities.contact_id, steps.contact_id) as contact_id,
    steps.occurrence,
    steps.step_number,
    steps.node,
    steps.visit,
    steps.kind,
    steps.outcome,
    steps.next_node,
    steps.arrived_at,
    steps.left_at,
    steps.evidence,
    steps.known_at,
    coalesce(
        lag(steps.version) over (partition by steps.enrolment_id order by steps.step_number),
        steps.version
    ) as from_version
from steps
left join identities on steps.contact_id = identities.identifier_key
