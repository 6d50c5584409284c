{{ config(materialized='view') }}

-- One row per user id: the contact it belongs to.
select
    members.identifier_key as user_key,
    contacts.contact_id,
    contacts.vertical
from {{ ref('int_identity_members') }} as members
inner join {{ ref('int_contacts') }} as contacts on members.contact_id = contacts.contact_id
where members.identifier_type = 'user_id'
