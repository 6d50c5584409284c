-- Nothing is read where fields.yml names no property of the kind: the sources are wide.
with declared as (

    select * from {{ ref('stg_marketing__field_properties') }}

),

of_contacts as (

    select
        'contact' as owner,
        contacts.contact_id as owner_id,
        declared.property,
        {{ json_text_by('crm.properties', 'declared.property') }} as value
    from declared
    inner join {{ ref('stg_crm__contacts') }} as crm on declared.owner = 'contact'
    inner join {{ ref('dim_contacts') }} as contacts on crm.contact_key = contacts.contact_key

),

of_accounts as (

    select
        'account' as owner,
        accounts.account_id as owner_id,
        declared.property,
        {{ json_text_by('versions.properties', 'declared.property') }} as value
    from declared
    inner join {{ ref('stg_crm__companies') }} as companies on declared.owner = 'account'
    inner join {{ source('lake', 'crm_companies') }} as versions
        on
            companies.crm_id = versions.crm_id
            and companies.landing_file = versions.landing_file
            and companies.landing_line = versions.landing_line
    inner join {{ ref('dim_accounts') }} as accounts on companies.crm_id = accounts.crm_id

),

of_events as (

    select
        'event' as owner,
        events.message_id as owner_id,
        declared.property,
        {{ json_text_by('events.properties', 'declared.property') }} as value
    from declared
    inner join {{ source('lake', 'events') }} as events on declared.owner = 'event'

),

final as (

    select * from of_contacts
    union all
    select * from of_accounts
    union all
    select * from of_events

)

select * from final
where value is not null
