-- question: At which stage of the funnel do we lose most?
-- grain: one row per vertical and stage, over the last six months that are old enough to judge
-- caveat: a cohort's conversion; the same months' entries to two stages are other people
with judged as (
    select
        vertical,
        stage,
        stage_name,
        position,
        cohort_window_days,
        cohort_size,
        cohort_converted,
        row_number() over (partition by vertical, stage order by month desc) as place
    from marts.funnel_stages
    where is_matured and next_stage is not null
)

select
    vertical,
    position,
    stage,
    stage_name,
    max(cohort_window_days) as cohort_window_days,
    sum(cohort_size) as entered,
    sum(cohort_converted) as converted,
    sum(cohort_converted) / nullif(sum(cohort_size), 0) as conversion
from judged
where place <= 6
group by vertical, position, stage, stage_name
order by vertical, position;
