with support_tickets as (

    select * from {{ ref('stg_support__tickets') }}

),

crm_tickets as (

    select * from {{ ref('stg_crm__tickets') }}

),

ticket_stages as (

    select * from {{ ref('stg_crm__stages') }}
    where object_type in ('tickets', 'ticket')

),

companies as (

    select * from {{ ref('stg_crm__companies') }}

),

crm_contacts as (

    select
        crm_id,
        object_id as contact_id
    from {{ ref('int_crm_objects') }}
    where object_type = 'contacts'

),

contacts as (

    select * from {{ ref('int_contacts') }}

),

members as (

    select
        identifier_key,
        contact_id
    from {{ ref('int_identity_members') }}
    where contact_id is not null

),

owners as (

    select * from {{ ref('int_owners_by_email') }}

),

tickets as (

    select
        support_tickets.source,
        support_tickets.ticket_id,
        support_tickets.status,
        support_tickets.priority,
        support_tickets.category,
        support_tickets.channel,
        coalesce(support_tickets.vertical, contacts.vertical) as vertical,
        support_tickets.email_key,
        support_tickets.user_key,
        owners.owner_id,
        contacts.account_id,
        contacts.contact_id,
        support_tickets.created_at,
        support_tickets.first_reply_at,
        support_tickets.closed_at,
        support_tickets.rating,
        support_tickets.known_at
    from support_tickets
    left join owners on support_tickets.assignee = owners.email
    left join members as users on support_tickets.user_key = users.identifier_key
    left join members as addresses on support_tickets.email_key = addresses.identifier_key
    left join contacts
        on coalesce(users.contact_id, addresses.contact_id) = contacts.contact_id
    union all
    select
        'crm' as source,
        crm_tickets.crm_id as ticket_id,
        -- The stage says whether it is closed; where nobody described the stage, the closing time.
        case
            when coalesce(ticket_stages.is_closed, crm_tickets.closed_at is not null) then 'closed'
            else 'open'
        end as status,
        crm_tickets.priority,
        crm_tickets.category,
        null as channel,
        coalesce(companies.vertical, contacts.vertical) as vertical,
        contacts.email_key,
        contacts.user_key,
        crm_tickets.owner_id,
        companies.company_key as account_id,
        crm_contacts.contact_id,
        crm_tickets.created_at,
        null as first_reply_at,
        crm_tickets.closed_at,
        null as rating,
        crm_tickets.known_at
    from crm_tickets
    left join ticket_stages
        on
            crm_tickets.pipeline = ticket_stages.pipeline_id
            and crm_tickets.stage = ticket_stages.stage_id
    left join companies on crm_tickets.company_crm_id = companies.crm_id
    left join crm_contacts on crm_tickets.contact_crm_id = crm_contacts.crm_id
    left join contacts on crm_contacts.contact_id = contacts.contact_id

)

select
    source,
    ticket_id,
    status,
    priority,
    category,
    channel,
    vertical,
    email_key,
    user_key,
    owner_id,
    account_id,
    contact_id,
    created_at,
    first_reply_at,
    -- A ticket opened again may keep the time it was closed before.
    case when status = 'closed' then closed_at end as closed_at,
    {{ seconds_between('created_at', 'first_reply_at') }} / 3600e0 as hours_to_first_reply,
    case
        when status = 'closed' then {{ seconds_between('created_at', 'closed_at') }} / 3600e0
    end as hours_to_close,
    rating,
    known_at
from tickets
