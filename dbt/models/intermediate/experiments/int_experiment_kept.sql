-- A customer is kept whose contracts run on from the assignment to the end of the window, short
-- gaps left out of account. Whose window is not over is not told of yet.
with contracts as (

    select
        customer_id as account_id,
        starts_on,
        ends_on
    from {{ ref('int_contracts') }}
    where mrr_base > 0

),

spells as (

    {{ contract_spells('contracts', ['account_id']) }}

),

people as (

    select
        assignments.experiment,
        assignments.contact_id,
        assignments.assigned_at,
        assignments.window_ends_at
    from {{ ref('experiment_assignments') }} as assignments
    inner join {{ ref('int_experiments') }} as experiments
        on assignments.experiment = experiments.experiment
    inner join {{ ref('stg_system__run_context') }} as run_context
        on assignments.window_ends_at <= run_context.as_of
    where experiments.metric_kind = 'goal' and experiments.metric = 'customer_kept'

),

-- A customer is an organisation or a contact, by the customer_unit of its vertical.
customers as (

    select
        contact_id,
        contact_id as account_id
    from {{ ref('int_contacts') }}
    union
    select
        contact_id,
        account_id
    from {{ ref('int_contacts') }}
    where account_id is not null

)

select
    people.experiment,
    people.contact_id,
    max(people.window_ends_at) as kept_until_at
from people
inner join customers on people.contact_id = customers.contact_id
inner join spells
    on
        customers.account_id = spells.account_id
        and cast(people.assigned_at as date) >= spells.since_on
        and cast(people.window_ends_at as date) < spells.until_on
group by people.experiment, people.contact_id
