-- One row per scope, month and window: the contacts with a content touch long enough ago for a
-- meeting to have followed in time, and those of them whom one did follow.
with contact_months as (

    select
        contact_id,
        vertical,
        {{ month_of('occurred_on') }} as month,
        max(case when has_meeting then 1 else 0 end) as has_meeting
    from {{ ref('int_content_days') }}
    where is_matured
    group by contact_id, vertical, {{ month_of('occurred_on') }}

),

followed as (

    select
        contact_months.vertical,
        contact_months.contact_id,
        windows.month,
        windows.metric_window,
        max(contact_months.has_meeting) as has_meeting
    from contact_months
    inner join {{ ref('int_reporting_windows') }} as windows
        on contact_months.month = windows.window_month
    group by
        contact_months.vertical, contact_months.contact_id, windows.month, windows.metric_window

),

counted as (

    select
        vertical,
        month,
        metric_window,
        count(*) as contacts,
        sum(has_meeting) as with_meeting
    from followed
    group by vertical, month, metric_window

)

select
    vertical as scope,
    month,
    metric_window,
    contacts,
    with_meeting
from counted
union all
select
    'company' as scope,
    month,
    metric_window,
    sum(contacts) as contacts,
    sum(with_meeting) as with_meeting
from counted
group by month, metric_window
