with actions as (

    select * from {{ ref('journey_actions') }}
    where action in ('add_tag', 'remove_tag')

),

last_actions as (

    select
        contact_id,
        subject as tag,
        max_by(action, requested_at) as action,
        max(requested_at) as tagged_at
    from actions
    group by contact_id, subject

)

select
    contact_id,
    tag,
    tagged_at
from last_actions
where action = 'add_tag'
