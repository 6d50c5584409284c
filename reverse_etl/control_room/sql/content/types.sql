with totals as (
    select
        vertical,
        content_type,
        count(*) as items,
        sum(contacts) as met,
        sum(acting_contacts) as acted,
        sum(contacts_with_form) as with_form,
        sum(observed_contacts) as observed,
        sum(contacts_with_meeting) as with_meeting
    from marts.content_performance
    where period = 'total' and vertical is not null
    group by vertical, content_type
),

measures as (
    select
        'did more than view' as measure,
        *,
        acted as did,
        met as of_those
    from totals

    union all

    select
        'sent a form' as measure,
        *,
        with_form as did,
        met as of_those
    from totals

    union all

    select
        'had a meeting' as measure,
        *,
        with_meeting as did,
        observed as of_those
    from totals
)

select
    measure,
    content_type,
    vertical,
    did / of_those as share,
    of_those,
    items
from measures
where of_those >= 30
order by
    list_position(['had a meeting', 'sent a form', 'did more than view'], measure),
    max(did / of_those) over (partition by measure, content_type) desc,
    content_type,
    vertical
