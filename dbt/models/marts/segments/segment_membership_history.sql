with changes as (

    select
        *,
        case when member_type = 'contact' then member_id end as identifier_key
    from {{ ref('stg_segments__changes') }}

),

identities as (

    select * from {{ ref('identity_map') }}
    where contact_id is not null

),

resolved as (

    select
        changes.segment,
        changes.member_type,
        coalesce(identities.contact_id, changes.member_id) as member_id,
        changes.account_id,
        changes.change,
        changes.definition_hash,
        changes.change_sequence,
        changes.known_at
    from changes
    left join identities on changes.identifier_key = identities.identifier_key

),

-- Contacts that have become one since may have come, or left, one after the other.
turns as (

    select *
    from resolved
    qualify change != coalesce(lag(change) over (
        partition by segment, member_type, member_id order by change_sequence, change
    ), 'left')

),

spells as (

    select
        *,
        lead(known_at) over (
            partition by segment, member_type, member_id order by change_sequence, change
        ) as left_at,
        lead(definition_hash) over (
            partition by segment, member_type, member_id order by change_sequence, change
        ) as left_by_definition
    from turns

)

select
    segment,
    member_type,
    member_id,
    case when member_type = 'contact' then member_id end as contact_id,
    account_id,
    known_at as entered_at,
    left_at,
    definition_hash as entered_by_definition,
    left_by_definition,
    change_sequence
from spells
where change = 'entered'
