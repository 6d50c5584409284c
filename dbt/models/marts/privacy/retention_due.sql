-- What a person did: machines' clicks, opens and deliveries are nobody's own act.
with contacts as (

    select * from {{ ref('dim_contacts') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

limits as (

    select
        category,
        retention_months
    from {{ ref('stg_marketing__privacy_categories') }}
    where
        category = 'identity'
        and retention_from = 'last_own_act'
        and retention_months is not null

),

acts as (

    select
        contact_id,
        occurred_on as act_on
    from {{ ref('contact_events_daily') }}
    where
        human_events > 0
        and event not in ('Email Sent', 'Email Delivered', 'Email Opened', 'Email Bounced')
    union all
    select
        contact_id,
        occurred_on as act_on
    from {{ ref('fct_form_submissions') }}
    union all
    select
        contact_id,
        starts_on as act_on
    from {{ ref('fct_meetings') }}
    where canceled_at is null
    union all
    select
        emails.contact_id,
        cast({{ local_time('emails.human_clicked_at', 'run_context.time_zone') }} as date) as act_on
    from {{ ref('fct_emails') }} as emails
    cross join run_context
    where emails.human_clicked_at is not null
    union all
    select
        said.contact_id,
        cast({{ local_time('said.decided_at', 'run_context.time_zone') }} as date) as act_on
    from {{ ref('consent_records') }} as said
    cross join run_context
    where
        said.evidence_type = 'decision'
        and said.source_class in ('form', 'preference_page', 'one_click')

),

last_acts as (

    select
        acts.contact_id,
        max(acts.act_on) as last_own_act_on
    from acts
    cross join run_context
    where acts.act_on <= run_context.as_of_on
    group by acts.contact_id

),

-- A customer, a person or an organisation, stays one until the last contract has ended.
customers as (

    select
        contact_id,
        account_id as customer_id
    from contacts
    where account_id is not null
    union
    select
        contact_id,
        contact_id as customer_id
    from contacts

),

contracts as (

    select
        customers.contact_id,
        max(coalesce(contracts.ends_on, date '9999-12-31')) as ends_on
    from {{ ref('int_contracts') }} as contracts
    inner join customers on contracts.customer_id = customers.customer_id
    group by customers.contact_id

),

begun as (

    select
        contacts.contact_id,
        limits.category,
        limits.retention_months,
        last_acts.last_own_act_on,
        contracts.ends_on as contract_ends_on,
        run_context.as_of_on,
        greatest(
            coalesce(
                last_acts.last_own_act_on,
                cast({{ local_time('contacts.created_at', 'run_context.time_zone') }} as date)
            ),
            coalesce(contracts.ends_on, date '1900-01-01')
        ) as counts_from_on
    from contacts
    cross join limits
    cross join run_context
    left join last_acts on contacts.contact_id = last_acts.contact_id
    left join contracts on contacts.contact_id = contracts.contact_id

),

dated as (

    select
        begun.*,
        case
            when begun.counts_from_on < date '9000-01-01'
                then {{ add_months('begun.counts_from_on', 'begun.retention_months') }}
        end as due_on
    from begun

)

select
    contact_id,
    category,
    last_own_act_on,
    contract_ends_on,
    due_on,
    coalesce(due_on <= as_of_on, false) as is_due
from dated
