select
    stage_name,
    month,
    vertical,
    cohort_window_days,
    cohort_size,
    cohort_converted,
    cohort_conversion,
    cohort_conversion_low,
    cohort_conversion_high
from marts.funnel_stages
where is_matured
    and next_stage is not null
    and cohort_size > 0
    and month > (select max(month) from marts.funnel_stages) - interval 25 months
order by position, stage_name, vertical, month
