-- One row per scope, month and window: customers at the window's end, and those of them with an
-- advocacy event in the window. No row where no advocacy event was ever seen in the scope.
with advocacy as (

    select distinct
        case
            when verticals.customer_unit = 'contact' then events.contact_id
            else coalesce(contacts.account_id, events.contact_id)
        end as customer_id,
        {{ month_of('events.occurred_on') }} as month
    from {{ ref('fct_events') }} as events
    inner join {{ ref('advocacy_events') }} as advocacy_events
        on events.event = advocacy_events.event
    inner join {{ ref('int_contacts') }} as contacts on events.contact_id = contacts.contact_id
    left join {{ ref('stg_marketing__verticals') }} as verticals
        on events.vertical = verticals.vertical

),

advocates as (

    select distinct
        windows.month,
        windows.metric_window,
        advocacy.customer_id
    from advocacy
    inner join {{ ref('int_reporting_windows') }} as windows
        on advocacy.month = windows.window_month

),

windows as (

    select distinct
        month,
        metric_window
    from {{ ref('int_reporting_windows') }}

),

counted as (

    select
        customers.vertical,
        windows.month,
        windows.metric_window,
        count(*) as customers,
        count(advocates.customer_id) as advocates
    from windows
    inner join {{ ref('mrr_movements') }} as customers
        on windows.month = customers.month and customers.end_mrr > 0
    left join advocates
        on
            windows.month = advocates.month
            and windows.metric_window = advocates.metric_window
            and customers.customer_id = advocates.customer_id
    group by customers.vertical, windows.month, windows.metric_window

),

scoped as (

    select
        vertical as scope,
        month,
        metric_window,
        customers,
        advocates
    from counted
    union all
    select
        'company' as scope,
        month,
        metric_window,
        sum(customers) as customers,
        sum(advocates) as advocates
    from counted
    group by month, metric_window

)

select
    scope,
    month,
    metric_window,
    customers,
    advocates
from scoped
qualify max(advocates) over (partition by scope) > 0
