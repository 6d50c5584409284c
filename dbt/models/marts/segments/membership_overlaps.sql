with members as (

    select * from {{ ref('segment_memberships') }}

),

sizes as (

    select
        segment,
        count(*) as contacts
    from members
    group by segment

),

shared as (

    select
        members.segment,
        others.segment as other_segment,
        count(*) as contacts
    from members
    inner join members as others
        on members.contact_id = others.contact_id and members.segment < others.segment
    group by members.segment, others.segment

)

select
    shared.segment,
    shared.other_segment,
    shared.contacts,
    {{ ratio('shared.contacts', 'sizes.contacts') }} as share_of_segment,
    {{ ratio('shared.contacts', 'other_sizes.contacts') }} as share_of_other_segment
from shared
inner join sizes on shared.segment = sizes.segment
inner join sizes as other_sizes on shared.other_segment = other_sizes.segment
