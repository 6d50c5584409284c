-- Those of files, and those without one: hold-outs, versions and splits of journeys.
with declared as (

    select * from {{ ref('stg_marketing__experiments') }}

),

defaults as (

    select * from {{ ref('stg_marketing__experiment_defaults') }}

),

assignments as (

    select * from {{ ref('stg_experiments__assignments') }}

),

splits as (

    select distinct {{ json_text('definition', 'experiment') }} as experiment
    from {{ ref('stg_journeys__nodes') }}
    where kind = 'split'

),

-- The latest salt is the one that is measured: another one drew anew. What had a file and has none
-- any more is none of these: without the file nobody knows what it was about.
found as (

    select
        assignments.experiment,
        assignments.salt,
        case
            when count(*) filter (where assignments.variant = 'holdout') > 0 then 'holdout'
            when assignments.experiment = 'universal' then 'holdout'
            when assignments.experiment like 'campaign:%' then 'holdout'
            when assignments.experiment like 'journey:%:versions'
                then cast(min(try_cast(assignments.variant as bigint)) as varchar)
            else min(assignments.variant)
        end as control,
        min(assignments.assigned_at) as first_at
    from assignments
    left join declared on assignments.experiment = declared.experiment
    left join splits on assignments.experiment = splits.experiment
    where
        declared.experiment is null
        and (
            splits.experiment is not null
            or assignments.experiment = 'universal'
            or assignments.experiment like 'campaign:%'
            or assignments.experiment like 'journey:%:versions'
        )
    group by assignments.experiment, assignments.salt
    qualify
        row_number() over (
            partition by assignments.experiment
            order by max(assignments.assigned_at) desc, assignments.salt desc
        ) = 1

),

goals as (

    select * from {{ ref('int_experiment_goals') }}

)

select
    experiment,
    true as is_declared,
    name as experiment_name,
    description,
    vertical,
    about,
    source_key,
    node,
    starts_on,
    ends_on,
    salt,
    control,
    metric_kind,
    metric,
    metric_message_type,
    within_days,
    has_revenue,
    fixed_value,
    guard_rails,
    method,
    per_arm,
    base_rate,
    minimum_effect,
    power,
    alpha,
    tau,
    min_per_arm,
    min_days
from declared
union all
select
    found.experiment,
    false as is_declared,
    coalesce(
        goals.experiment_name,
        case when found.experiment = 'universal' then 'The universal hold-out' end,
        'A split of a journey'
    ) as experiment_name,
    null as description,
    goals.vertical,
    split_part(found.experiment, ':', 1) as about,
    nullif(split_part(found.experiment, ':', 2), '') as source_key,
    null as node,
    cast(found.first_at as date) as starts_on,
    null as ends_on,
    found.salt,
    found.control,
    coalesce(goals.metric_kind, 'goal') as metric_kind,
    coalesce(goals.metric, 'conversion') as metric,
    null as metric_message_type,
    case
        when found.experiment = 'universal' then defaults.universal_within_days
        else coalesce(goals.within_days, defaults.within_days)
    end as within_days,
    coalesce(goals.metric_kind, 'goal') != 'touch' as has_revenue,
    null as fixed_value,
    case when found.control = 'holdout' then defaults.rails_of_holdout else defaults.rails end
        as guard_rails,
    'always_valid' as method,
    null as per_arm,
    null as base_rate,
    null as minimum_effect,
    null as power,
    defaults.alpha,
    defaults.tau,
    defaults.min_per_arm,
    defaults.min_days
from found
cross join defaults
left join goals on found.experiment = goals.experiment
