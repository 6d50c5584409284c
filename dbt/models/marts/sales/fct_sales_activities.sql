with activities as (

    select
        *,
        lower(trim(owner_email)) as owner_address
    from {{ ref('stg_sales__activities') }}

),

owners as (

    select * from {{ ref('int_owners_by_email') }}

),

reporting as (

    select * from {{ ref('stg_system__reporting') }}

)

select
    activities.source,
    activities.activity_type,
    activities.occurred_at,
    -- Stands in for the owner's address and the profile, which tell activities of one time apart.
    row_number() over (
        partition by activities.source, activities.activity_type, activities.occurred_at
        order by activities.owner_email nulls first, activities.profile_url
    ) as activity_number,
    cast({{ local_time('activities.occurred_at', 'reporting.time_zone') }} as date)
        as occurred_on,
    owners.owner_id,
    activities.email_key,
    contacts.contact_id,
    contacts.account_id,
    coalesce(activities.vertical, contacts.vertical) as vertical,
    activities.known_at
from activities
cross join reporting
left join owners on activities.owner_address = owners.email
left join {{ ref('int_identity_members') }} as members
    on activities.email_key = members.identifier_key
left join {{ ref('int_contacts') }} as contacts on members.contact_id = contacts.contact_id
