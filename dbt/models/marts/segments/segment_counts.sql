with members as (

    select * from {{ ref('segment_memberships') }}

),

segments as (

    select * from {{ ref('marketing_segments') }}
    where is_current

),

contacts as (

    select * from {{ ref('reachable_contacts') }}

),

purposes as (

    select distinct
        purpose,
        channel
    from {{ ref('consent_states') }}
    where is_marketing and channel in ('email', 'sms', 'push')

),

reachable as (

    select
        members.segment,
        contacts.purpose,
        contacts.channel,
        count(*) as reachable_contacts
    from members
    inner join contacts on members.contact_id = contacts.contact_id
    group by members.segment, contacts.purpose, contacts.channel

)

select
    segments.segment,
    segments.vertical,
    purposes.purpose,
    purposes.channel,
    segments.contacts as members,
    coalesce(reachable.reachable_contacts, 0) as reachable_contacts,
    case
        when segments.is_stale then 0
        else coalesce(reachable.reachable_contacts, 0)
    end as sendable_contacts,
    {{ ratio('coalesce(reachable.reachable_contacts, 0)', 'segments.contacts') }}
        as reachable_share
from segments
cross join purposes
left join reachable
    on
        segments.segment = reachable.segment
        and purposes.purpose = reachable.purpose
        and purposes.channel = reachable.channel
