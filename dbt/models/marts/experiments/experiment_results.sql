with experiments as (

    select * from {{ ref('int_experiments') }}

),

counts as (

    select * from {{ ref('int_experiment_counts') }}

),

looks as (

    select
        *,
        count(*) over (partition by experiment, salt, variant) as looks
    from {{ ref('stg_experiments__looks') }}
    qualify
        row_number() over (
            partition by experiment, salt, variant order by look_sequence desc
        ) = 1

)

select
    counts.experiment,
    experiments.experiment_name,
    experiments.is_declared,
    experiments.vertical,
    experiments.about,
    experiments.source_key,
    experiments.node,
    experiments.starts_on,
    experiments.ends_on,
    experiments.metric_kind,
    experiments.metric,
    experiments.within_days,
    experiments.method,
    counts.variant,
    counts.is_control,
    counts.share,
    counts.template,
    counts.first_assigned_at,
    counts.assigned,
    counts.exposed,
    counts.measured,
    counts.converted,
    {{ ratio('counts.converted', 'counts.measured') }} as rate,
    {{ wilson_low('counts.converted', 'counts.measured') }} as rate_low,
    {{ wilson_high('counts.converted', 'counts.measured') }} as rate_high,
    coalesce(counts.revenue, counts.converted * experiments.fixed_value) as revenue,
    counts.unsubscribed,
    counts.complained,
    looks.effect,
    looks.effect_low,
    looks.effect_high,
    looks.incremental_conversions,
    looks.incremental_conversions_low,
    looks.incremental_conversions_high,
    looks.incremental_revenue,
    looks.incremental_revenue_low,
    looks.incremental_revenue_high,
    looks.p_value,
    looks.p_always_valid,
    looks.p_adjusted,
    looks.p_srm,
    looks.needed_per_arm,
    coalesce(looks.decision, case when counts.is_control then 'control' else 'no_decision' end)
        as decision,
    coalesce(looks.is_winner, false) as is_winner,
    coalesce(looks.reasons, '') as reasons,
    coalesce(looks.looks, 0) as looks,
    looks.looked_at
from counts
inner join experiments on counts.experiment = experiments.experiment
left join looks
    on
        counts.experiment = looks.experiment
        and experiments.salt = looks.salt
        and counts.variant = looks.variant
