{{ config(materialized='view') }}

-- One row per metric of abm_metrics about people, period and vertical: a numerator and a
-- denominator, which add up over verticals.
with periods as (

    select * from {{ ref('int_abm_periods') }}

),

targets as (

    select
        account_id,
        vertical
    from {{ ref('target_accounts') }}
    where match_verdict = 'matched'

),

content as (

    select
        periods.period,
        days.vertical,
        days.contact_id,
        max(case when days.is_matured then 1 else 0 end) as is_matured,
        max(case when days.is_matured and days.has_meeting then 1 else 0 end) as has_meeting
    from {{ ref('int_content_days') }} as days
    inner join periods
        on days.occurred_on >= periods.from_on and days.occurred_on < periods.to_on
    group by periods.period, days.vertical, days.contact_id

),

content_counts as (

    select
        period,
        vertical,
        count(*) as contacts,
        sum(has_meeting) as with_meeting,
        sum(is_matured) as matured
    from content
    group by period, vertical

),

known as (

    select
        periods.period,
        contacts.vertical,
        count(*) as contacts
    from {{ ref('dim_contacts') }} as contacts
    inner join periods on cast(contacts.created_at as date) < periods.to_on
    where contacts.vertical is not null
    group by periods.period, contacts.vertical

),

engaged as (

    select
        engaged.period,
        targets.vertical,
        count(*) as contacts
    from targets
    inner join {{ ref('account_contacts') }} as account_contacts
        on targets.account_id = account_contacts.account_id
    inner join {{ ref('int_engaged_contacts') }} as engaged
        on account_contacts.contact_id = engaged.contact_id
    group by engaged.period, targets.vertical

),

target_counts as (

    select
        vertical,
        count(*) as accounts
    from targets
    group by vertical

),

tasks as (

    select
        periods.period,
        coalesce(accounts.vertical, contacts.vertical) as vertical,
        sum(case when tasks.status = 'completed' then 1 else 0 end) as completed,
        count(*) as tasks
    from {{ ref('fct_crm_activities') }} as tasks
    inner join periods
        on
            cast(tasks.due_at as date) >= periods.from_on
            and cast(tasks.due_at as date) < periods.to_on
    left join {{ ref('dim_accounts') }} as accounts on tasks.account_id = accounts.account_id
    left join {{ ref('dim_contacts') }} as contacts on tasks.contact_id = contacts.contact_id
    where tasks.activity_type = 'task'
    group by periods.period, coalesce(accounts.vertical, contacts.vertical)

)

select
    'content_to_meeting' as metric,
    period,
    vertical,
    with_meeting * 1e0 as numerator,
    matured * 1e0 as denominator
from content_counts
union all
select
    'content_engagement' as metric,
    known.period,
    known.vertical,
    coalesce(content_counts.contacts, 0) * 1e0 as numerator,
    known.contacts * 1e0 as denominator
from known
left join content_counts
    on known.period = content_counts.period and known.vertical = content_counts.vertical
union all
select
    'engaged_contacts_per_account' as metric,
    periods.period,
    target_counts.vertical,
    coalesce(engaged.contacts, 0) * 1e0 as numerator,
    target_counts.accounts * 1e0 as denominator
from target_counts
cross join periods
left join engaged
    on periods.period = engaged.period and target_counts.vertical = engaged.vertical
union all
select
    'task_completion' as metric,
    period,
    vertical,
    completed * 1e0 as numerator,
    tasks * 1e0 as denominator
from tasks
