-- Requests to delivery providers that ended. One succeeded when it was answered with a verdict on
-- each of its messages, whatever that was: a refused address is an answer, too.
with attempts as (

    select * from {{ ref('delivery_logs') }}
    where entry_kind = 'attempt' and not is_test and call_id is not null

),

calls as (

    select
        provider,
        call_id,
        max(occurred_at) as ended_at,
        max(
            case
                when
                    event_type in ('accepted', 'rejected', 'invalid_recipient', 'suppressed')
                    -- What was proven later had broken off.
                    and coalesce(provider_code, '') not in ('webhook', 'look-up')
                    then 0
                else 1
            end
        ) as is_failed
    from attempts
    group by provider, call_id

),

localised as (

    select
        calls.is_failed,
        {{ month_of(local_time('calls.ended_at', 'reporting.time_zone')) }} as month
    from calls
    cross join {{ ref('stg_system__reporting') }} as reporting

)

select
    windows.month,
    windows.metric_window,
    cast(sum(1 - localised.is_failed) as bigint) as succeeded,
    count(*) as calls
from localised
inner join {{ ref('int_reporting_windows') }} as windows on localised.month = windows.window_month
group by windows.month, windows.metric_window
