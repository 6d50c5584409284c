with shares as (
    select unnest(range(21)) / 20 as share
),

-- Rounded, so that millions of scores become few.
scores as (
    select
        model,
        coalesce(vertical, 'unassigned') as vertical,
        round(probability, 4) as probability,
        count(*) as subjects
    from marts.predictions
    group by all
),

ranked as (
    select
        model,
        vertical,
        probability,
        sum(subjects) over (partition by model, vertical order by probability) as up_to,
        sum(subjects) over (partition by model, vertical) as subjects
    from scores
)

select
    ranked.model,
    ranked.vertical,
    shares.share,
    min(ranked.probability) as probability,
    any_value(ranked.subjects) as subjects
from ranked
inner join shares on ranked.up_to >= shares.share * ranked.subjects
group by 1, 2, 3
order by 1, 2, 3
