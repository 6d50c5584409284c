with experiments as (

    select * from {{ ref('int_experiments') }}

),

outcomes as (

    select * from {{ ref('int_experiment_outcomes') }}

),

declared as (

    select * from {{ ref('stg_marketing__experiment_variants') }}

),

-- A variant that a file no longer has keeps its people.
variants as (

    select
        experiment,
        variant
    from declared
    union
    select
        experiment,
        variant
    from outcomes
    union
    select
        experiment,
        control as variant
    from experiments

),

counted as (

    select
        experiment,
        variant,
        count(*) as assigned,
        count(*) filter (where is_exposed) as exposed,
        count(*) filter (where is_measured) as measured,
        count(*) filter (where is_measured and has_converted) as converted,
        count(*) filter (where is_measured and has_unsubscribed) as unsubscribed,
        count(*) filter (where is_measured and has_complained) as complained,
        sum(case when is_measured then revenue end) as revenue,
        sum(case when is_measured then cast(revenue as double) * cast(revenue as double) end)
            as revenue_squares,
        min(assigned_at) as first_assigned_at
    from outcomes
    group by experiment, variant

)

select
    variants.experiment,
    variants.variant,
    variants.variant = experiments.control as is_control,
    declared.position,
    declared.share,
    declared.template,
    {% for count in [
        'assigned', 'exposed', 'measured', 'converted', 'unsubscribed', 'complained'
    ] -%}
    coalesce(counted.{{ count }}, 0) as {{ count }},
    {% endfor -%}
    counted.revenue,
    counted.revenue_squares,
    min(counted.first_assigned_at) over (partition by variants.experiment) as first_assigned_at
from variants
inner join experiments on variants.experiment = experiments.experiment
left join declared
    on variants.experiment = declared.experiment and variants.variant = declared.variant
left join counted
    on variants.experiment = counted.experiment and variants.variant = counted.variant
