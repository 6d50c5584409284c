select
    -- An event of no business is about all of them.
    nullif(vertical, 'unassigned') as vertical,
    event_name,
    event_type,
    starts_on,
    registered,
    attended,
    attendance_rate,
    new_contacts,
    meetings,
    deals_opened,
    deals_won,
    pipeline_base,
    won_base,
    cost_base,
    roi,
    is_matured
from marts.event_performance
order by starts_on desc, event_name
