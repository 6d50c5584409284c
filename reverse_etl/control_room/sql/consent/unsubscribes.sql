with refusals as (
    select
        cast(date_trunc('month', unsubscribed_at) as date) as month,
        reason,
        count(*) as refusals,
        count(*) filter (is_in_force) as in_force
    from marts.unsubscribes
    where is_first
    group by all
),

recent as (
    select * from refusals
    where month > (select max(month) from refusals) - interval 36 month
),

reasons as (
    select reason, row_number() over (order by sum(refusals) desc, reason) as place
    from recent
    group by reason
)

select
    recent.month,
    if(reasons.place <= 7, recent.reason, 'others') as reason,
    sum(recent.refusals) as refusals,
    sum(recent.in_force) as in_force
from recent
inner join reasons on recent.reason = reasons.reason
group by 1, 2
order by min(reasons.place), recent.month
