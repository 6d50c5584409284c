-- What experiments say about campaigns: their own hold-outs, and those that a file declares about
-- their messages. Where nobody is in the control nothing is compared; the effect is from one that
-- holds people out, before all from a file's.
with campaigns as (

    select * from {{ ref('campaigns') }}

),

results as (

    select * from {{ ref('experiment_results') }}

),

controls as (

    select
        experiment,
        variant as control,
        variant = 'holdout' as has_held_out
    from results
    where is_control and assigned > 0

)

select
    campaigns.campaign,
    results.experiment,
    results.experiment_name,
    results.variant,
    controls.control,
    results.measured,
    results.effect,
    results.effect_low,
    results.effect_high,
    results.p_adjusted,
    results.decision,
    results.reasons,
    results.incremental_conversions,
    results.incremental_revenue,
    controls.has_held_out
    and row_number() over (
        partition by campaigns.campaign, controls.has_held_out
        order by
            results.is_declared desc,
            results.measured desc,
            results.experiment asc,
            results.variant asc
    ) = 1 as is_best_of_effect
from campaigns
inner join results
    on
        'campaign:' || campaigns.campaign = results.experiment
        or (
            results.is_declared
            and campaigns.source_kind = results.about
            and campaigns.source_key = results.source_key
        )
inner join controls on results.experiment = controls.experiment
where not results.is_control
