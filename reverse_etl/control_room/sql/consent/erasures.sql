select
    cast(date_trunc('month', requested_at) as date) as month,
    state,
    count(*) as requests,
    count(*) filter (is_late) as late,
    count(*) filter (is_pressing) as pressing,
    sum(forwards) as open_places,
    round(median(date_diff('hour', requested_at, finished_at)) / 24, 1) as days_to_proof,
    min(due_at) filter (finished_at is null) as next_due
from marts.data_deletion_requests
group by month, state
order by month desc, state
