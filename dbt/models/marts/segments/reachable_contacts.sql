with contacts as (

    select * from {{ ref('dim_contacts') }}

),

consents as (

    select distinct
        contact_id,
        purpose,
        channel
    from {{ ref('consent_states') }}
    where state = 'granted' and is_marketing and contact_id is not null

)

select
    consents.contact_id,
    consents.purpose,
    consents.channel
from consents
inner join contacts on consents.contact_id = contacts.contact_id
where
    (consents.channel = 'email' and contacts.email_key is not null)
    or (consents.channel = 'sms' and contacts.phone_key is not null)
    or consents.channel = 'push'
