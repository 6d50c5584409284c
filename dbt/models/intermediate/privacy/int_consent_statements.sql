-- What each piece of evidence is about, by the purposes and channels of the policy.
with evidence as (

    select
        evidence.*,
        evidence_subjects.subject_id,
        evidence_subjects.contact_id
    from {{ ref('int_consent_evidence') }} as evidence
    inner join {{ ref('int_consent_evidence_subjects') }} as evidence_subjects
        on evidence.evidence_id = evidence_subjects.evidence_id

),

purposes as (

    select * from {{ ref('stg_marketing__consent_purposes') }}

),

-- What is refused on all channels is refused on each, and a purpose without channels of its own
-- hears what is refused on any. A grant is for one channel.
covered as (

    select
        covers.*,
        purposes.channel,
        purposes.purpose,
        purposes.needs_double_opt_in,
        purposes.expires_after_months
    from (
        select distinct
            covers,
            purpose as said_purpose,
            channel as said_channel,
            state as said_state
        from evidence
    ) as covers
    inner join purposes
        on
            (
                covers.said_channel = purposes.channel
                or (
                    covers.said_state <> 'granted'
                    and (
                        covers.said_channel = 'all'
                        or (purposes.channel = 'all' and covers.covers <> 'channel')
                    )
                )
            )
            and (
                covers.covers = 'channel'
                or (covers.covers = 'purpose' and covers.said_purpose = purposes.purpose)
                or (covers.covers = 'marketing' and purposes.is_marketing)
                or (covers.covers = 'objection' and purposes.ends_on_objection)
            )

),

-- What no listed purpose hears is kept under the names it came with.
claims as (

    select
        evidence.evidence_id,
        evidence.subject_id,
        evidence.contact_id,
        evidence.identifier_key,
        coalesce(covered.purpose, evidence.purpose, 'all') as purpose,
        coalesce(covered.channel, evidence.channel) as channel,
        evidence.brand,
        evidence.state as said_state,
        evidence.reason as said_reason,
        evidence.legal_basis,
        evidence.mechanism,
        evidence.text_version,
        evidence.text_hash,
        evidence.authority,
        evidence.authority_position,
        evidence.is_lasting,
        evidence.decided_at,
        covered.purpose is not null as is_listed,
        covered.needs_double_opt_in,
        covered.expires_after_months
    from evidence
    left join covered
        on
            evidence.covers = covered.covers
            and evidence.channel = covered.said_channel
            and evidence.state = covered.said_state
            and coalesce(evidence.purpose, '') = coalesce(covered.said_purpose, '')

)

select * from claims
