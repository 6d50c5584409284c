with members as (

    select * from {{ ref('int_identity_members') }}

)

select
    links.stronger_type,
    links.stronger_key,
    links.weaker_type,
    links.weaker_key,
    links.evidence,
    coalesce(stronger.contact_id = weaker.contact_id, false) as is_used,
    case
        when stronger.contact_id = weaker.contact_id then weaker.contact_id
    end as contact_id,
    links.observations,
    links.first_seen_at,
    links.last_seen_at,
    links.evidence_id
from {{ ref('int_identity_links') }} as links
inner join members as stronger on links.stronger_key = stronger.identifier_key
inner join members as weaker on links.weaker_key = weaker.identifier_key
