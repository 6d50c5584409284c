with items as (
    select
        performance.vertical || ': ' || replace(content.persona, '_', ' ') as audience,
        lower(content.stage) as stage,
        performance.contacts,
        performance.acting_contacts,
        performance.contacts_with_form,
        performance.observed_contacts,
        performance.contacts_with_meeting,
        performance.vertical
    from marts.content_performance as performance
    inner join marts.dim_content as content on performance.content_id = content.content_id
    where performance.period = 'total' and content.persona is not null and content.stage is not null
),

measures as (
    select
        'did more than view' as measure,
        *,
        acting_contacts as did,
        contacts as of_those
    from items

    union all

    select
        'sent a form' as measure,
        *,
        contacts_with_form as did,
        contacts as of_those
    from items

    union all

    select
        'had a meeting' as measure,
        *,
        contacts_with_meeting as did,
        observed_contacts as of_those
    from items
)

select
    vertical,
    measure,
    audience,
    stage,
    sum(did) / sum(of_those) as share,
    sum(of_those) as pairs
from measures
group by vertical, measure, audience, stage
having sum(of_those) >= 30
order by
    list_position(['had a meeting', 'sent a form', 'did more than view'], measure),
    list_position(
        ['unaware', 'awareness', 'interest', 'consideration', 'decision', 'purchase', 'retention'],
        stage
    ),
    audience
