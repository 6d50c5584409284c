-- A bounce is nobody's wish and therefore no unsubscribe.
with records as (

    select *
    from {{ ref('consent_records') }}
    where state in ('withdrawn', 'objection')

)

select
    evidence_id,
    subject_id,
    contact_id,
    channel,
    purpose,
    covers,
    brand,
    state,
    reason,
    authority,
    source_class,
    source,
    is_in_force,
    row_number() over (
        partition by subject_id, channel order by decided_at asc, evidence_id asc
    ) = 1 as is_first,
    evidence_reference,
    decided_at as unsubscribed_at,
    known_at
from records
