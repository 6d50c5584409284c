select
    position,
    entered_at,
    action,
    case when subject_key is null then object end as object,
    subject_key is not null as is_of_person,
    is_lost
from marts.audit_logs
order by position desc, entered_at desc, is_lost
limit 100
