with members as (

    select * from {{ ref('int_identity_members') }}

),

identifiers as (

    select * from {{ ref('int_identity_identifiers') }}

),

links as (

    select
        links.*,
        weaker.verdict as weaker_verdict
    from {{ ref('int_identity_links') }} as links
    inner join members as stronger on links.stronger_key = stronger.identifier_key
    inner join members as weaker on links.weaker_key = weaker.identifier_key
    where stronger.contact_id = weaker.contact_id

),

-- An identifier follows a stronger one, or a value that it shares with another contact.
ties as (

    select
        weaker_key as identifier_key,
        evidence,
        stronger_type as tied_type,
        stronger_key as tied_key,
        observations,
        false as is_by_value
    from links
    union all
    select
        stronger_key as identifier_key,
        evidence,
        weaker_type as tied_type,
        weaker_key as tied_key,
        observations,
        true as is_by_value
    from links
    where weaker_verdict = 'joined'

),

-- The tie that says most: to the strongest type, then the one seen most often.
best as (

    select ties.*
    from ties
    left join {{ ref('stg_marketing__identity_limits') }} as limits
        on ties.tied_type = limits.identifier_type
    qualify row_number() over (
        partition by ties.identifier_key
        order by
            ties.is_by_value asc,
            limits.position asc nulls last,
            ties.observations desc,
            ties.tied_key asc,
            ties.evidence asc
    ) = 1

),

tied as (

    select
        members.*,
        case
            when members.contact_id is null then null
            when members.identifier_key = members.contact_id then 'itself'
            when not best.is_by_value then best.evidence
            when members.group_key <> members.identifier_key
                then
                    case
                        when members.identifier_type = 'crm_contact' then 'crm_merge' else 'alias'
                    end
            else coalesce(best.evidence, 'itself')
        end as evidence,
        best.evidence as best_evidence,
        best.tied_type,
        best.tied_key,
        best.observations
    from members
    left join best on members.identifier_key = best.identifier_key

)

select
    tied.identifier_type,
    tied.identifier_key,
    tied.contact_id,
    tied.verdict,
    tied.group_key,
    tied.evidence,
    case when tied.evidence = tied.best_evidence then tied.tied_type end as evidence_type,
    case when tied.evidence = tied.best_evidence then tied.tied_key end as evidence_key,
    case when tied.evidence = tied.best_evidence then tied.observations end as observations,
    identifiers.first_seen_at,
    identifiers.last_seen_at
from tied
inner join identifiers on tied.identifier_key = identifiers.identifier_key
