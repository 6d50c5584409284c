-- One row per identifier: the contact it belongs to, named by the smallest key of the strongest
-- type that the contact holds. A device that only ever was itself is no contact; what is shared
-- is nobody's.
with resolved as (

    select * from {{ ref('int_identity_devices') }}

),

identifiers as (

    select * from {{ ref('int_identity_identifiers') }}

),

limits as (

    select * from {{ ref('stg_marketing__identity_limits') }}

),

-- The position is one digit, so that the smallest text is the strongest type's smallest key.
named as (

    select
        resolved.label,
        substr(min(coalesce(limits.position, 9) || identifiers.identifier_key), 2) as contact_id
    from resolved
    inner join identifiers on resolved.group_id = identifiers.group_id
    left join limits on resolved.identifier_type = limits.identifier_type
    where resolved.identifier_type <> 'anonymous_id' and resolved.label is not null
    group by resolved.label

)

select
    identifiers.identifier_type,
    identifiers.identifier_key,
    named.contact_id,
    resolved.verdict
from identifiers
inner join resolved on identifiers.group_id = resolved.group_id
left join named on resolved.label = named.label
