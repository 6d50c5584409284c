-- Whose a user id or a device is: a device is a contact's where no other contact was seen on it.
-- The one place where sessions learn of identity.
with user_contacts as (

    select
        user_key,
        contact_id
    from {{ ref('int_user_contacts') }}

),

device_users as (

    select distinct
        anonymous_key,
        user_key
    from {{ ref('int_interactions') }}
    where anonymous_key is not null and user_key is not null

)

select
    'user_id' as identifier_type,
    user_key as identifier_key,
    contact_id
from user_contacts
union all
select
    'anonymous_id' as identifier_type,
    device_users.anonymous_key as identifier_key,
    min(user_contacts.contact_id) as contact_id
from device_users
inner join user_contacts on device_users.user_key = user_contacts.user_key
group by device_users.anonymous_key
having count(distinct user_contacts.contact_id) = 1
