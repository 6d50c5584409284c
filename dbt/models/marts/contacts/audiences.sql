with audiences as (

    select * from {{ ref('stg_marketing__audiences') }}

),

cases as (

    select * from {{ ref('stg_marketing__audience_cases') }}

),

contacts as (

    select * from {{ ref('int_contact_traits') }}

),

personas as (

    select * from {{ ref('contact_personas') }}

),

permissions as (

    select * from {{ ref('int_contact_permissions') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

members as (

    select distinct
        cases.audience,
        contacts.contact_id,
        contacts.account_id
    from contacts
    inner join personas on contacts.contact_id = personas.contact_id
    inner join cases
        on
            {{ fits_case('contacts', 'cases') }}
            and coalesce(personas.persona = cases.persona, cases.persona is null)

),

counted as (

    select
        members.audience,
        count(*) as contacts,
        count(distinct members.account_id) as accounts_with_contacts,
        count(case when permissions.may_profile then 1 end) as profiled_contacts,
        count(case when permissions.may_write then 1 end) as reachable_contacts
    from members
    left join permissions on members.contact_id = permissions.contact_id
    group by members.audience

),

-- Organisations of the kind, whether or not anybody there is known. Only for audiences that ask
-- for nothing of a person.
organisations as (

    select
        cases.audience,
        count(distinct accounts.account_id) as accounts
    from cases
    cross join accounts
    where
        coalesce(accounts.vertical = cases.vertical, cases.vertical is null)
        and coalesce(accounts.account_type = cases.account_type, cases.account_type is null)
        and coalesce(cases.role, cases.persona) is null
        and coalesce(cases.age_from, cases.age_below) is null
    group by cases.audience

)

select
    audiences.audience,
    audiences.name as audience_name,
    audiences.position as audience_position,
    coalesce(counted.contacts, 0) as contacts,
    coalesce(counted.accounts_with_contacts, 0) as accounts_with_contacts,
    organisations.accounts,
    coalesce(counted.profiled_contacts, 0) as profiled_contacts,
    coalesce(counted.reachable_contacts, 0) as reachable_contacts,
    audiences.expected_size,
    audiences.expected_unit,
    {{ ratio(
        "case audiences.expected_unit when 'accounts' then coalesce(organisations.accounts, 0)"
        ~ " else coalesce(counted.contacts, 0) end",
        'audiences.expected_size'
    ) }} as share_of_expected
from audiences
left join counted on audiences.audience = counted.audience
left join organisations on audiences.audience = organisations.audience
