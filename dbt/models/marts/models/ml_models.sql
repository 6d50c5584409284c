with versions as (

    select * from {{ ref('stg_models__versions') }}

),

decisions as (

    select * from {{ ref('stg_models__promotions') }}

),

metrics as (

    select * from {{ ref('stg_models__metrics') }}

),

champions as (

    select
        model,
        max_by(champion, decision_number) as version
    from decisions
    group by model

),

-- What was last decided about a version, and whether it was ever champion.
decided as (

    select
        model,
        version,
        max(case when decision = 'kept' then 0 else 1 end) as was_promoted,
        max(decision_number) as decision_number
    from decisions
    group by model, version

),

tested as (

    select
        model,
        version,
        {% for metric in [
            'auc', 'average_precision', 'brier', 'calibration_error', 'lift_top_decile',
            'positives'
        ] -%}
        max(case when metric = '{{ metric }}' then value end) as {{ metric }},
        {% endfor -%}
        max(case when metric = 'auc' then low end) as auc_low,
        max(case when metric = 'auc' then high end) as auc_high,
        max(case when metric = 'auc' then baseline_age end) as auc_of_last_activity,
        max(case when metric = 'brier' then baseline_constant end) as brier_of_constant
    from metrics
    where metric_window = 'test' and slice = 'all'
    group by model, version

),

-- By their number: two of them may have one time, or the clock have gone back.
scorings as (

    select
        model,
        max_by(version, measurement_number) as version,
        max_by(cast(value as bigint), measurement_number) as subjects,
        max_by(measured_at, measurement_number) as scored_at,
        max(measurement_number) as measurement_number
    from metrics
    where metric_window = 'scoring' and slice = 'all' and metric = 'subjects'
    group by model

),

refusals as (

    select
        metrics.model,
        metrics.version,
        max(metrics.detail) as detail
    from metrics
    inner join scorings
        on
            metrics.model = scorings.model
            and metrics.measurement_number = scorings.measurement_number
    where metrics.metric_window = 'scoring' and metrics.metric = 'refused'
    group by metrics.model, metrics.version

)

select
    versions.model,
    versions.version,
    versions.subject_type,
    versions.horizon_days,
    case
        when champions.version is not null then 'champion'
        when decided.was_promoted = 1 then 'former_champion'
        else 'challenger'
    end as status,
    coalesce(scorings.version is not null and scorings.subjects > 0, false) as is_scoring,
    scorings.subjects as scored_subjects,
    scorings.scored_at as last_scored_at,
    refusals.detail as refused_because,
    cast(tested.positives as bigint) as test_outcomes,
    tested.auc,
    tested.auc_low,
    tested.auc_high,
    tested.auc_of_last_activity,
    tested.average_precision,
    tested.brier,
    tested.brier_of_constant,
    tested.calibration_error,
    tested.lift_top_decile,
    decisions.decision,
    decisions.reason as decision_reason,
    decisions.difference as auc_difference,
    decisions.difference_low as auc_difference_low,
    decisions.difference_high as auc_difference_high,
    decisions.decided_by,
    decisions.decided_at,
    versions.parameters,
    versions.features,
    versions.windows,
    versions.findings,
    versions.code_version,
    versions.trained_as_of,
    versions.snapshot_id
from versions
left join champions
    on versions.model = champions.model and versions.version = champions.version
left join scorings
    on versions.model = scorings.model and versions.version = scorings.version
left join refusals
    on versions.model = refusals.model and versions.version = refusals.version
left join tested on versions.model = tested.model and versions.version = tested.version
left join decided on versions.model = decided.model and versions.version = decided.version
left join decisions
    on
        decided.model = decisions.model
        and decided.decision_number = decisions.decision_number
