-- Everything that was ever said, from every source, in one shape and once each. What has no time
-- of its own counts from when it was known.
with stops as (

    select * from {{ ref('stg_marketing__consent_stops') }}

),

sources as (

    select * from {{ ref('stg_marketing__consent_sources') }}

),

purpose_names as (

    select * from {{ ref('stg_marketing__consent_purpose_names') }}

),

evidence as (

    select * from {{ ref('int_consent_decisions') }}
    union all
    select
        reports.evidence_id,
        'stop' as evidence_type,
        reports.identifier_type,
        reports.identifier_key,
        reports.other_identifier_type,
        reports.other_identifier_key,
        null as purpose,
        coalesce(stops.covers, others.covers) as covers,
        reports.channel,
        '' as brand,
        case when reports.is_lifted then 'lifted' else coalesce(stops.state, others.state) end
            as state,
        reports.reason,
        reports.source_class,
        reports.source,
        null as mechanism,
        null as legal_basis,
        null as text_version,
        null as text_hash,
        null as language,
        -- What stands on a list is in force for as long as the list says so.
        not reports.is_lifted
        and (reports.is_listed or coalesce(stops.is_lasting, others.is_lasting)) as is_lasting,
        reports.evidence_reference,
        reports.decided_at,
        reports.known_at
    from {{ ref('int_consent_stops') }} as reports
    left join stops on reports.reason = stops.reason
    left join stops as others on others.reason = 'other'

)

select
    evidence.evidence_id,
    evidence.evidence_type,
    evidence.identifier_type,
    evidence.identifier_key,
    evidence.other_identifier_type,
    evidence.other_identifier_key,
    coalesce(purpose_names.purpose, evidence.purpose) as purpose,
    -- Without a policy a stop still ends all there is.
    coalesce(evidence.covers, 'channel') as covers,
    evidence.channel,
    evidence.brand,
    coalesce(evidence.state, 'withdrawn') as state,
    evidence.reason,
    evidence.source_class,
    coalesce(sources.authority, evidence.source_class) as authority,
    coalesce(sources.authority_position, 0) as authority_position,
    evidence.source,
    evidence.mechanism,
    evidence.legal_basis,
    evidence.text_version,
    evidence.text_hash,
    evidence.language,
    coalesce(evidence.is_lasting, true) as is_lasting,
    evidence.evidence_reference,
    evidence.decided_at,
    evidence.known_at
from evidence
left join sources on evidence.source_class = sources.source_class
left join purpose_names on evidence.purpose = purpose_names.name
