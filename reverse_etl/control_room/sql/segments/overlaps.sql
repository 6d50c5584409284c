-- Names need not be unique; keys are.
with named as (
    select
        * replace (
            segment_name || if(count(*) over (partition by segment_name) > 1, ' (' || segment || ')', '')
                as segment_name
        )
    from marts.marketing_segments
    where is_current
),

shown as (
    select segment, segment_name, vertical, contacts
    from named
    where contacts > 0
    qualify row_number() over (partition by vertical order by contacts desc, segment_name) <= 15
),

pairs as (
    select segment, other_segment, contacts, share_of_segment as share
    from marts.membership_overlaps
    union all
    select
        other_segment as segment,
        segment as other_segment,
        contacts,
        share_of_other_segment as share
    from marts.membership_overlaps
)

select
    shown.vertical,
    shown.segment_name,
    others.segment_name as other_segment_name,
    pairs.contacts as contacts_in_both,
    shown.contacts as contacts_of_segment,
    others.contacts as contacts_of_other,
    pairs.share
from pairs
inner join shown on pairs.segment = shown.segment
inner join shown as others on pairs.other_segment = others.segment
order by shown.contacts desc, shown.segment_name, others.contacts desc, others.segment_name
