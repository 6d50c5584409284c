-- One row per identifier: the contact it belongs to, named by the smallest key of the strongest
-- type that the contact holds. A device that only ever was itself is no contact; what is shared
-- is nobody's.
with resolved as (
    {{ identity_groups_before() }}

),

identifiers as (

    select * from {{ ref('int_identity_identifiers') }}

),

identity_groups as (

    select * from {{ ref('int_identity_groups') }}
    where identifier_type <> 'anonymous_id'

)

select
    identifiers.identifier_type,
    identifiers.identifier_key,
    identity_groups.group_key as contact_id,
    resolved.verdict
from identifiers
inner join resolved on identifiers.group_id = resolved.group_id
left join identity_groups on resolved.label = identity_groups.group_id
