select
    source,
    notice_id,
    notice_type,
    title,
    buyer_name,
    buyer_siren,
    departement_code,
    procedure,
    descriptors,
    url,
    published_on,
    deadline_at,
    known_at
from {{ ref('stg_tenders__notices') }}
