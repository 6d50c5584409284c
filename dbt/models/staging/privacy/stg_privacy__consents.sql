-- One row per decision.
with consents as (

    select *
    from {{ source('lake', 'consents') }}
    qualify row_number() over (
        partition by identifier_key, purpose, channel, decided_at
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
    known_at
from consents
