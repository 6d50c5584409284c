with history as (

    select * from {{ ref('segment_membership_history') }}
    where left_at is null and member_type = 'contact'

),

segments as (

    select * from {{ ref('marketing_segments') }}
    where is_current

)

select
    history.segment,
    history.contact_id,
    history.account_id,
    segments.vertical,
    segments.definition_hash,
    segments.priority,
    row_number() over (
        partition by history.contact_id order by segments.priority, history.segment
    ) = 1 as is_primary,
    history.entered_at,
    segments.computed_at,
    segments.is_stale
from history
inner join segments on history.segment = segments.segment
