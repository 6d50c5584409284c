with controls as (
    select
        *,
        case
            when control like '%\_rate' escape '\' then 'ratio'
            when control like 'hours\_%' escape '\' then 'hours'
            else 'count'
        end as unit
    from marts.compliance_report
    where month > (select max(month) from marts.compliance_report) - interval 36 month
),

lines as (
    select
        control_position,
        control_name,
        month,
        'measured' as line,
        measured as value,
        unit,
        counted,
        counted_of,
        status
    from controls
    union all
    select
        control_position,
        control_name,
        month,
        if(at_most is null, 'at least', 'at most'),
        coalesce(at_most, at_least),
        unit,
        null,
        null,
        null
    from controls
    where at_most is not null or at_least is not null
)

select control_name, month, line, value, unit, counted, counted_of, status
from lines
order by max(status = 'failed') over (partition by control_name) desc nulls last,
    control_position, line desc, month
