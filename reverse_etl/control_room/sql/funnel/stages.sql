with complete as (
    select * from marts.funnel_stages where is_complete
),

names as (
    select distinct vertical, stage, stage_name from complete
)

select
    complete.vertical,
    complete.stage_name,
    sum(complete.entries) as entries,
    sum(complete.imputed_entries) as imputed_entries,
    names.stage_name as next_stage_name,
    sum(complete.next_stage_entries) as next_stage_entries,
    sum(complete.next_stage_entries) / nullif(sum(complete.entries), 0) as throughput_ratio
from complete
left join names
    on complete.vertical = names.vertical and complete.next_stage = names.stage
where complete.month > (select max(month) from complete) - interval 12 months
group by complete.vertical, complete.stage_name, complete.position, names.stage_name
order by complete.vertical, complete.position
