-- One row per decision and status: two statements about one moment both stay, so that a later
-- import cannot replace a withdrawal by a grant of the same time.
with consents as (

    select *
    from {{ source('lake', 'consents') }}
    qualify row_number() over (
        partition by identifier_key, purpose, channel, decided_at, status
        order by known_at desc, landing_file desc, landing_line desc
    ) = 1

)

select
    identifier_type,
    identifier_key,
    purpose,
    channel,
    status,
    legal_basis,
    source,
    text_version,
    decided_at,
    known_at,
    landing_file || ':' || cast(landing_line as varchar) as evidence_reference
from consents
