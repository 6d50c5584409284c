with spread as (
    select
        model,
        coalesce(vertical, 'unassigned') as vertical,
        count(*) as subjects,
        quantile_disc(
            probability, list_transform(range(21), lambda place: place / 20)
        ) as probabilities
    from marts.predictions
    group by all
)

select
    model,
    vertical,
    unnest(list_transform(range(21), lambda place: place / 20)) as share,
    unnest(probabilities) as probability,
    subjects
from spread
order by model, vertical, share
