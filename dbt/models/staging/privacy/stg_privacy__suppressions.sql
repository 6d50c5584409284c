-- The earliest date wins, imports only tighten. Files of a list that was pulled from a provider
-- are segments named after it (`…__brevo.blocked.segment`); every other is an import.
with entries as (

    select
        *,
        case
            when landing_file like '%.segment'
                then
                    split_part(
                        split_part(split_part(landing_file, '/', 2), '__', 3), '.', 1
                    )
            else 'import'
        end as source
    from {{ source('lake', 'suppressions') }}

)

select
    identifier_type,
    identifier_key,
    channel,
    reason,
    source,
    min(suppressed_at) as suppressed_at,
    min(known_at) as known_at,
    min(landing_file || ':' || cast(landing_line as varchar)) as evidence_reference
from entries
group by identifier_type, identifier_key, channel, reason, source
