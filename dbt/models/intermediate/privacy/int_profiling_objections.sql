-- Who must not be evaluated: profiling withdrawn or objected to, for whichever brand. Who never
-- said anything about it is not here.
with states as (

    select * from {{ ref('consent_states') }}
    where contact_id is not null and state in ('withdrawn', 'objection')

),

purposes as (

    select * from {{ ref('stg_marketing__consent_purposes') }}
    where is_profiling

)

select
    states.contact_id,
    min(states.since_at) as since_at
from states
inner join purposes on states.purpose = purposes.purpose and states.channel = purposes.channel
group by states.contact_id
