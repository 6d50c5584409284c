with months as (
    select
        *,
        replace(purpose, '_', ' ') || if(channel = 'all', '', ' by ' || channel) as wish
    from marts.consent_report
    where group_kind = 'all'
)

select
    wish,
    month,
    vertical,
    opt_in_rate,
    granted,
    granted_still,
    requested,
    confirmed,
    withdrawn,
    objected,
    suppressed,
    expired
from months
where month > (select max(month) from months) - interval 36 month
order by sum(granted) over (partition by wish) desc, wish, vertical, month
