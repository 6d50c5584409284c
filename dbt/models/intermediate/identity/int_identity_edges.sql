-- One row per two groups of identifiers that some evidence ties, by their numbers.
select distinct
    stronger.identifier_type as stronger_type,
    stronger.group_id as stronger_id,
    weaker.identifier_type as weaker_type,
    weaker.group_id as weaker_id
from {{ ref('int_identity_links') }} as links
inner join {{ ref('int_identity_identifiers') }} as stronger
    on links.stronger_key = stronger.identifier_key
inner join {{ ref('int_identity_identifiers') }} as weaker
    on links.weaker_key = weaker.identifier_key
