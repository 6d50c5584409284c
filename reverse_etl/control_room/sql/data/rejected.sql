with refused as (
    select
        kind || ': ' || replace(reason, '_', ' ') || coalesce(' (' || field || ')', '') as fault,
        cast(date_trunc('month', landed_at) as date) as month,
        verdict,
        count(*) as refused
    from marts.rejected_rows
    group by all
)

select fault, month, verdict, refused
from refused
where month > (select max(month) from refused) - interval 24 month
order by month, fault, verdict
