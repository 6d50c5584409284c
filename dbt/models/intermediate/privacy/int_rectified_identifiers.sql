-- What a person said is not theirs: an address or number that they had corrected, and that no
-- record of theirs holds any more.
with rectifications as (

    select * from {{ ref('stg_privacy__rectifications') }}
    where former_value_key is not null and field in ('email', 'phone')

),

members as (

    select * from {{ ref('int_identity_members') }}
    where contact_id is not null

),

held as (

    select
        'crm_contact' as record_type,
        contact_key as record_key,
        email_key,
        phone_key
    from {{ ref('stg_crm__contacts') }}
    union all
    select
        'external_id' as record_type,
        external_key as record_key,
        email_key,
        phone_key
    from {{ ref('stg_privacy__imported_contacts') }}

),

still_held as (

    select
        members.contact_id,
        held.email_key as identifier_key
    from held
    inner join members
        on held.record_key = members.identifier_key and held.record_type = members.identifier_type
    where held.email_key is not null
    union
    select
        members.contact_id,
        held.phone_key as identifier_key
    from held
    inner join members
        on held.record_key = members.identifier_key and held.record_type = members.identifier_type
    where held.phone_key is not null

)

select
    rectifications.field as identifier_type,
    rectifications.former_value_key as identifier_key,
    members.contact_id,
    min(rectifications.known_at) as rectified_at
from rectifications
inner join members
    on
        rectifications.record_key = members.identifier_key
        and rectifications.record_type = members.identifier_type
left join still_held
    on
        members.contact_id = still_held.contact_id
        and rectifications.former_value_key = still_held.identifier_key
where still_held.identifier_key is null
group by rectifications.field, rectifications.former_value_key, members.contact_id
