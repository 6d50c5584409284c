with answers as (

    select * from {{ ref('int_answer_times') }}

),

-- A refusal is quick: it says nothing of how long answers take.
buckets as (

    select
        family,
        answered_on,
        from_ms,
        below_ms,
        sum(requests) as requests
    from answers
    where outcome <> 'refused'
    group by family, answered_on, from_ms, below_ms

),

cumulated as (

    {{ cumulated_buckets('buckets', ['family', 'answered_on']) }}

),

quantiles as (

    select
        family,
        answered_on,
        {% for percent in [50, 95, 99] -%}
        max({{ quantile_in_bucket(percent) }}) as p{{ percent }}_ms,
        {% endfor -%}
        max(case when {{ quantile_in_bucket(95) }} is not null then from_ms end) as p95_from_ms,
        max(case when {{ quantile_in_bucket(95) }} is not null then below_ms end) as p95_below_ms
    from cumulated
    group by family, answered_on

),

counts as (

    select
        family,
        answered_on,
        cast(sum(requests) as bigint) as requests,
        cast(sum(case when outcome = 'refused' then requests else 0 end) as bigint) as refused,
        cast(sum(case when outcome = 'failed' then requests else 0 end) as bigint) as failed
    from answers
    group by family, answered_on

)

select
    counts.family,
    counts.answered_on,
    counts.requests,
    counts.refused,
    counts.failed,
    quantiles.p50_ms,
    quantiles.p95_ms,
    quantiles.p99_ms,
    quantiles.p95_from_ms,
    quantiles.p95_below_ms
from counts
left join quantiles
    on counts.family = quantiles.family and counts.answered_on = quantiles.answered_on
