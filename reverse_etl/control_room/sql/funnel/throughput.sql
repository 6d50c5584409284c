select vertical, stage_name, month, entries, next_stage_entries, throughput_ratio
from marts.funnel_stages
where is_complete
    and next_stage is not null
    and month > (select max(month) from marts.funnel_stages) - interval 25 months
order by vertical, position, month
