-- One row per contact: what rules ask for. The age is the CRM's, in whole years.
with contacts as (

    select * from {{ ref('int_contacts') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

settings as (

    select * from {{ ref('stg_marketing__persona_settings') }}

),

ages as (

    select
        crm.contact_key,
        try_cast({{ json_text_by('crm.properties', 'settings.age_property') }} as integer)
            as age_years
    from {{ ref('stg_crm__contacts') }} as crm
    cross join settings

)

select
    contacts.contact_id,
    contacts.account_id,
    contacts.vertical,
    contacts.role,
    contacts.language,
    accounts.account_type,
    ages.age_years
from contacts
left join accounts on contacts.account_id = accounts.account_id
left join ages on contacts.contact_key = ages.contact_key
