with items as (
    select
        performance.*,
        content.title
    from marts.content_performance as performance
    inner join marts.dim_content as content on performance.content_id = content.content_id
    where performance.period = 'total' and performance.vertical is not null
),

measures as (
    select
        'did more than view' as measure,
        *,
        acting_contacts as did,
        contacts as met
    from items

    union all

    select
        'sent a form' as measure,
        *,
        contacts_with_form as did,
        contacts as met
    from items

    union all

    select
        'had a meeting' as measure,
        *,
        contacts_with_meeting as did,
        observed_contacts as met
    from items
),

rates as (
    select
        *,
        did / met as share,
        sum(did) over own_type / sum(met) over own_type as usual
    from measures
    where met >= 30
    window own_type as (partition by measure, vertical, content_type)
),

-- Wilson's interval at 95 %, around its centre.
bounds as (
    select
        *,
        (did + 1.9207) / (met + 3.8415) as centre,
        1.96 * sqrt(share * (1 - share) / met + 0.9604 / (met * met)) / (1 + 3.8415 / met) as half
    from rates
),

distances as (
    select
        *,
        case
            when centre - half > usual then 'better'
            when centre + half < usual then 'worse'
        end as side,
        greatest(centre - half - usual, usual - centre - half) as distance
    from bounds
)

select
    vertical,
    measure,
    side,
    title,
    content_type,
    share,
    usual,
    met
from distances
where side is not null
qualify row_number() over (partition by measure, vertical, side order by distance desc, title) <= 10
order by
    list_position(['had a meeting', 'sent a form', 'did more than view'], measure),
    side,
    distance desc,
    title
