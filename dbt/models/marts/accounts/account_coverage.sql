with settings as (

    select * from {{ ref('stg_marketing__account_settings') }}

),

targets as (

    select
        account_id,
        tier
    from {{ ref('target_accounts') }}
    where match_verdict = 'matched'

),

people as (

    select
        account_contacts.account_id,
        contacts.role,
        count(*) as contacts,
        count(engaged.contact_id) as engaged_contacts
    from {{ ref('account_contacts') }} as account_contacts
    inner join {{ ref('dim_contacts') }} as contacts
        on account_contacts.contact_id = contacts.contact_id
    left join {{ ref('int_engaged_contacts') }} as engaged
        on account_contacts.contact_id = engaged.contact_id and engaged.period = 'current'
    group by account_contacts.account_id, contacts.role

),

-- Whom we know or want to know; coverage of the others is 0 and says nothing.
accounts as (

    select
        accounts.account_id,
        accounts.vertical,
        accounts.account_type,
        accounts.is_customer,
        targets.account_id is not null as is_target,
        targets.tier
    from {{ ref('dim_accounts') }} as accounts
    left join targets on accounts.account_id = targets.account_id
    where
        targets.account_id is not null
        or accounts.account_id in (select people.account_id from people)

),

everybody as (

    select
        account_id,
        sum(contacts) as contacts,
        sum(engaged_contacts) as engaged_contacts
    from people
    group by account_id

),

by_role as (

    select
        accounts.account_id,
        count(roles.role) as required_roles,
        sum(case when people.engaged_contacts > 0 then 1 else 0 end) as covered_roles,
        sum(coalesce(people.contacts, 0)) as required_contacts,
        sum(coalesce(people.engaged_contacts, 0)) as engaged_required_contacts,
        string_agg(
            case when coalesce(people.engaged_contacts, 0) = 0 then roles.role end,
            ', ' order by roles.position
        ) as missing_roles
    from accounts
    inner join {{ ref('stg_marketing__required_roles') }} as roles
        on accounts.account_type = roles.account_type
    left join people
        on accounts.account_id = people.account_id and roles.role = people.role
    group by accounts.account_id

)

select
    accounts.account_id,
    accounts.vertical,
    accounts.account_type,
    accounts.is_customer,
    accounts.is_target,
    accounts.tier,
    by_role.required_roles,
    cast(by_role.covered_roles as bigint) as covered_roles,
    {{ ratio('by_role.covered_roles', 'by_role.required_roles') }} as role_coverage,
    by_role.missing_roles,
    cast(by_role.required_contacts as bigint) as required_contacts,
    cast(by_role.engaged_required_contacts as bigint) as engaged_required_contacts,
    {{ ratio('by_role.engaged_required_contacts', 'by_role.required_contacts') }}
        as contact_coverage,
    cast(coalesce(everybody.contacts, 0) as bigint) as contacts,
    cast(coalesce(everybody.engaged_contacts, 0) as bigint) as engaged_contacts,
    {{ ratio('by_role.covered_roles', 'by_role.required_roles') }} >= settings.coverage_goal
        as meets_goal
from accounts
cross join settings
left join by_role on accounts.account_id = by_role.account_id
left join everybody on accounts.account_id = everybody.account_id
