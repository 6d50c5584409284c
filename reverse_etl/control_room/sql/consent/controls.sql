with complete as (
    select max(month) as month from marts.compliance_report where is_complete
)

select
    control_name,
    measured,
    case
        when control like '%\_rate' escape '\' then 'ratio'
        when control like 'hours\_%' escape '\' then 'hours'
        else 'count'
    end as unit,
    at_most,
    at_least,
    counted_of,
    month,
    asked_by,
    status
from marts.compliance_report
-- Conflicts are told as they stand, in the running month alone.
where month = (select month from complete) or control = 'consent_conflicts'
order by control_position
