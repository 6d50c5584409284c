-- One row per decision and status: two statements about one moment both stay, so that a later
-- import cannot replace a withdrawal by a grant of the same time. A decision of the past only; the
-- lake cuts the others. What a file ends with is its last word: a withdrawal that is the last word
-- of any file is not undone by another file.
with decisions as (

    select consents.*
    from {{ source('lake', 'consents') }} as consents
    cross join {{ ref('stg_system__run_context') }} as run_context
    where consents.decided_at < run_context.as_of

),

ordered as (

    select
        *,
        row_number() over (
            partition by landing_file, identifier_key, purpose, channel
            order by decided_at desc, case when status = 'withdrawn' then 0 else 1 end asc
        ) = 1 as is_last_word
    from decisions

),

told as (

    select
        *,
        max(case when is_last_word then 1 else 0 end) over (
            partition by identifier_key, purpose, channel, decided_at, status
        ) = 1 as is_last_word_of_a_file
    from ordered
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
    status = 'withdrawn' and is_last_word_of_a_file as is_lasting,
    decided_at,
    known_at,
    landing_file || ':' || cast(landing_line as varchar) as evidence_reference
from told
