select vertical, stage_name, month, entries, median_days_to_next
from marts.funnel_stages
where is_complete
    and median_days_to_next is not null
    and month > (select max(month) from marts.funnel_stages) - interval 25 months
order by vertical, position, month
