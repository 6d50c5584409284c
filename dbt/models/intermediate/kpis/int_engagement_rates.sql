-- One row per scope, month and window with a delivery: contacts that a mail was delivered to in the
-- window, and those of them with a human open or click in it. Who opens a mail of an earlier window
-- and got none in this one is not reachable here and not counted.
with delivered as (

    select distinct
        contact_id,
        {{ month_of('delivered_on') }} as month
    from {{ ref('fct_emails') }}
    where delivered_on is not null and contact_id is not null

),

engaged as (

    select distinct
        contact_id,
        {{ month_of('occurred_on') }} as month
    from {{ ref('fct_touchpoints') }}
    where
        touch_type in ('email_open', 'email_click')
        and actor_class != 'machine'
        and contact_id is not null

),

monthly as (

    select
        coalesce(delivered.contact_id, engaged.contact_id) as contact_id,
        coalesce(delivered.month, engaged.month) as month,
        delivered.contact_id is not null as is_reached,
        engaged.contact_id is not null as is_engaged
    from delivered
    full outer join engaged
        on delivered.contact_id = engaged.contact_id and delivered.month = engaged.month

),

windowed as (

    select
        windows.month,
        windows.metric_window,
        monthly.contact_id,
        max(case when monthly.is_engaged then 1 else 0 end) as engaged
    from monthly
    inner join {{ ref('int_reporting_windows') }} as windows
        on monthly.month = windows.window_month
    group by windows.month, windows.metric_window, monthly.contact_id
    having max(case when monthly.is_reached then 1 else 0 end) = 1

),

counted as (

    select
        contacts.vertical,
        windowed.month,
        windowed.metric_window,
        count(*) as reached_contacts,
        sum(windowed.engaged) as engaged_contacts
    from windowed
    inner join {{ ref('int_contacts') }} as contacts on windowed.contact_id = contacts.contact_id
    group by contacts.vertical, windowed.month, windowed.metric_window

)

select
    vertical as scope,
    month,
    metric_window,
    reached_contacts,
    engaged_contacts
from counted
where vertical is not null
union all
select
    'company' as scope,
    month,
    metric_window,
    sum(reached_contacts) as reached_contacts,
    sum(engaged_contacts) as engaged_contacts
from counted
group by month, metric_window
