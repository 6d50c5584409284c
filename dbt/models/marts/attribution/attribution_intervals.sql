select
    intervals.scope,
    intervals.model,
    intervals.level,
    intervals.name,
    intervals.share,
    intervals.share_low,
    intervals.share_high,
    settings.level as interval_level,
    intervals.place,
    intervals.rank_stability,
    cast(intervals.replicates as integer) as replicates
from {{ source('lake', 'attribution_intervals') }} as intervals
cross join {{ ref('stg_marketing__attribution_settings') }} as settings
where intervals.metric_window = 'all'
