select
    source,
    max(last_received_at) as last_received_at,
    coalesce(
        max(last_known_at) filter (hop = 'lake'), max(last_known_at) filter (hop = 'landing')
    ) as last_known_at,
    max(last_occurred_at) as last_occurred_at,
    round(
        coalesce(
            max(lag_seconds) filter (hop = 'lake'), max(lag_seconds) filter (hop = 'landing')
        ) / 86400,
        1
    ) as lag_days,
    max(row_count) filter (hop = 'landing') as landing_rows,
    max(row_count) filter (hop = 'lake') as lake_rows,
    max(row_count) filter (hop = 'warehouse') as mart_rows
from marts.watermarks
group by source
order by last_received_at nulls last, lag_days desc, source
