-- Whose an identifier is, for consent only. What several contacts share joins none of them, but
-- what is refused there is refused for each who holds it. The only place of the privacy models
-- that knows how contacts are identified.
with members as (

    select
        identifier_type,
        identifier_key,
        contact_id
    from {{ ref('int_identity_members') }}
    where contact_id is not null

),

held as (

    select
        'crm_contact' as holder_type,
        contact_key as holder_key,
        identifier_type,
        identifier_key
    from {{ ref('int_identity_crm_contacts') }}
    union all
    select
        'external_id' as holder_type,
        external_key as holder_key,
        'email' as identifier_type,
        email_key as identifier_key
    from {{ ref('stg_privacy__imported_contacts') }}
    where email_key is not null
    union all
    select
        'external_id' as holder_type,
        external_key as holder_key,
        'phone' as identifier_type,
        phone_key as identifier_key
    from {{ ref('stg_privacy__imported_contacts') }}
    where phone_key is not null

)

select
    identifier_type,
    identifier_key,
    contact_id
from members
union
select
    held.identifier_type,
    held.identifier_key,
    members.contact_id
from held
inner join members
    on held.holder_type = members.identifier_type and held.holder_key = members.identifier_key
