-- One row per identifier: the contact it belongs to, named by the smallest key of the strongest
-- type that the contact holds. A device that only ever was itself is no contact; what is shared
-- is nobody's.
with resolved as (

    select
        resolved.*,
        limits.position
    from {{ ref('int_identity_devices') }} as resolved
    left join {{ ref('stg_marketing__identity_limits') }} as limits
        on resolved.identifier_type = limits.identifier_type

),

named as (

    select
        label,
        identifier_key as contact_id
    from resolved
    where identifier_type <> 'anonymous_id' and label is not null
    qualify row_number() over (partition by label order by position nulls last, identifier_key) = 1

)

select
    resolved.identifier_type,
    resolved.identifier_key,
    named.contact_id,
    resolved.verdict,
    resolved.group_key
from resolved
left join named on resolved.label = named.label
