with days as (
    select
        cast(entered_at as date) as day,
        action,
        count(*) as entries,
        count(*) filter (is_lost) as lost
    from marts.audit_logs
    group by all
)

select day, action, entries, lost
from days
qualify dense_rank() over (order by day desc) <= 90
order by sum(entries) over (partition by action) desc, action, day
