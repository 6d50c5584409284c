with states as (
    select
        purpose,
        channel,
        state,
        count(distinct subject_id) as subjects,
        count(distinct subject_id) filter (has_conflict) as conflicts
    from marts.consent_states
    group by all
)

select
    replace(purpose, '_', ' ') || if(channel = 'all', '', ' by ' || channel) as wish,
    state,
    subjects,
    conflicts
from states
order by
    sum(subjects) over (partition by purpose, channel) desc,
    wish,
    list_position(
        [
            'granted', 'pending', 'unproven', 'expired', 'suppressed', 'withdrawn', 'objection',
            'unknown'
        ],
        state
    )
