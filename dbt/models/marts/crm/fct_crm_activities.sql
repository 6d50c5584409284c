with tasks as (

    select * from {{ ref('stg_crm__tasks') }}

),

engagements as (

    select * from {{ ref('stg_crm__engagements') }}

),

companies as (

    select * from {{ ref('stg_crm__companies') }}

),

contacts as (

    select
        crm_id,
        object_id as contact_id
    from {{ ref('int_crm_objects') }}
    where object_type = 'contacts'

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

timed as (

    select
        *,
        coalesce(occurred_at, created_at) as takes_place_at
    from engagements

),

activities as (

    select
        crm_id as activity_id,
        'task' as activity_type,
        case
            when status = 'completed' or (status is null and completed_at is not null)
                then 'completed'
            else 'open'
        end as status,
        status as crm_status,
        priority,
        cast(null as varchar) as direction,
        created_at,
        due_at,
        completed_at,
        owner_id,
        company_crm_id,
        contact_crm_id,
        deal_crm_id,
        known_at
    from tasks
    union all
    select
        timed.crm_id as activity_id,
        timed.engagement_type as activity_type,
        case
            when timed.outcome in ('canceled', 'no_show', 'rescheduled', 'failed') then 'canceled'
            when
                timed.outcome in ('scheduled', 'sending')
                or timed.takes_place_at > run_context.as_of
                then 'open'
            else 'completed'
        end as status,
        timed.outcome as crm_status,
        null as priority,
        timed.direction,
        timed.created_at,
        timed.takes_place_at as due_at,
        timed.takes_place_at as completed_at,
        timed.owner_id,
        timed.company_crm_id,
        timed.contact_crm_id,
        timed.deal_crm_id,
        timed.known_at
    from timed
    cross join run_context

)

select
    activities.activity_id,
    activities.activity_type,
    activities.status,
    activities.crm_status,
    activities.priority,
    activities.direction,
    activities.created_at,
    activities.due_at,
    case when activities.status = 'completed' then activities.completed_at end as completed_at,
    activities.owner_id,
    companies.company_key as account_id,
    contacts.contact_id,
    activities.deal_crm_id as deal_id,
    activities.known_at
from activities
left join companies on activities.company_crm_id = companies.crm_id
left join contacts on activities.contact_crm_id = contacts.crm_id
