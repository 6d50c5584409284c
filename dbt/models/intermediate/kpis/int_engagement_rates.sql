-- One row per scope, month and window with a delivery: contacts that a mail was delivered to in the
-- window, and those of them with a human open or click in it. Who opens a mail of an earlier window
-- and got none in this one is not reachable here and not counted.
-- Every window is a run of months up to its own, so a contact is in it when its last month with a
-- delivery is. That last month changes only where the contact does something: contacts who changed
-- alike are counted together before any window is looked at.
with acts as (

    select
        contact_id,
        {{ month_of('delivered_on') }} as month,
        true as is_delivery
    from {{ ref('fct_emails') }}
    where delivered_on is not null and contact_id is not null
    union all
    select
        contact_id,
        {{ month_of('occurred_on') }} as month,
        false as is_delivery
    from {{ ref('fct_touchpoints') }}
    where
        touch_type in ('email_open', 'email_click')
        and actor_class != 'machine'
        and contact_id is not null

),

monthly as (

    select
        contact_id,
        month,
        max(case when is_delivery then month end) as reached_month,
        max(case when not is_delivery then month end) as engaged_month
    from acts
    group by contact_id, month

),

lasting as (

    select
        contact_id,
        month,
        lead(month) over (partition by contact_id order by month) as next_month,
        max(reached_month) over (
            partition by contact_id order by month
            rows between unbounded preceding and current row
        ) as last_reached_month,
        max(engaged_month) over (
            partition by contact_id order by month
            rows between unbounded preceding and current row
        ) as last_engaged_month
    from monthly

),

alike as (

    select
        contacts.vertical,
        lasting.month,
        lasting.next_month,
        lasting.last_reached_month,
        lasting.last_engaged_month,
        count(*) as contacts
    from lasting
    inner join {{ ref('int_contacts') }} as contacts on lasting.contact_id = contacts.contact_id
    where lasting.last_reached_month is not null
    group by
        contacts.vertical,
        lasting.month,
        lasting.next_month,
        lasting.last_reached_month,
        lasting.last_engaged_month

),

windows as (

    select
        month,
        metric_window,
        min(window_month) as first_month
    from {{ ref('int_reporting_windows') }}
    group by month, metric_window

),

counted as (

    select
        alike.vertical,
        windows.month,
        windows.metric_window,
        sum(alike.contacts) as reached_contacts,
        sum(
            case when alike.last_engaged_month >= windows.first_month then alike.contacts else 0 end
        ) as engaged_contacts
    from alike
    inner join windows
        on
            alike.month <= windows.month
            and coalesce(alike.next_month > windows.month, true)
            and alike.last_reached_month >= windows.first_month
    group by alike.vertical, windows.month, windows.metric_window

)

select
    vertical as scope,
    month,
    metric_window,
    cast(reached_contacts as bigint) as reached_contacts,
    cast(engaged_contacts as bigint) as engaged_contacts
from counted
where vertical is not null
union all
select
    'company' as scope,
    month,
    metric_window,
    cast(sum(reached_contacts) as bigint) as reached_contacts,
    cast(sum(engaged_contacts) as bigint) as engaged_contacts
from counted
group by month, metric_window
