-- One row per identifier of a person, and the group it stands in: itself, or what it is an alias
-- of. The steps that follow work on `identifier_id` and `group_id`, numbers of these keys.
select
    identifiers.identifier_type,
    identifiers.identifier_key,
    coalesce(aliases.group_key, identifiers.identifier_key) as group_key,
    {{ number_of('identifiers.identifier_key') }} as identifier_id,
    {{ number_of('coalesce(aliases.group_key, identifiers.identifier_key)') }} as group_id,
    identifiers.first_seen_at,
    identifiers.last_seen_at
from {{ ref('int_identity_seen') }} as identifiers
left join {{ ref('int_identity_aliases') }} as aliases
    on identifiers.identifier_key = aliases.identifier_key
