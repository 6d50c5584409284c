select
    to_act,
    replace(purpose, '_', ' ') || if(channel = 'all', '', ' by ' || channel) as wish,
    granting_authority,
    deciding_authority,
    reason,
    count(*) as cases,
    count(*) filter (is_granted_later) as granted_later,
    cast(min(since_at) as date) as oldest
from marts.consent_conflicts
group by to_act, wish, granting_authority, deciding_authority, reason
order by to_act = 'nobody', cases desc, to_act, wish, reason,
    granting_authority, deciding_authority
