with entries as (
    select
        case
            when entry_kind = 'attempt' then 'what providers answered'
            when event_type in ('opened', 'clicked', 'unsubscribed', 'complained')
                then 'what recipients did'
            else 'what became of it'
        end as told,
        cast(occurred_at as date) as day,
        event_type || case when is_machine then ' by a machine' else '' end as event_type
    from marts.delivery_logs
    where
        not coalesce(is_test, false)
        and occurred_at > (select max(occurred_at) from marts.delivery_logs) - interval 42 days
)

select
    told,
    day,
    event_type,
    count(*) as entries
from entries
group by told, day, event_type
order by
    told,
    sum(count(*)) over (partition by told, event_type) desc,
    event_type,
    day
