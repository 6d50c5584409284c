-- The version in force of each notice.
with notices as (

    select *
    from {{ source('lake', 'tender_notices') }}
    qualify row_number() over (
        partition by source, notice_id order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

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
from notices
