with metrics as (

    select * from {{ ref('stg_marketing__account_metrics') }}

),

periods as (

    select * from {{ ref('int_abm_periods') }}

),

facts as (

    select * from {{ ref('int_abm_people') }}
    union all
    select * from {{ ref('int_abm_accounts') }}

),

scopes as (

    {{ vertical_scopes() }}

),

measured as (

    select
        scopes.scope,
        facts.metric,
        facts.period,
        sum(facts.numerator) as numerator,
        sum(facts.denominator) as denominator,
        case
            when count(facts.denominator) = 0 then sum(facts.numerator)
            else {{ ratio('sum(facts.numerator)', 'sum(facts.denominator)') }}
        end as value
    from facts
    inner join scopes on facts.vertical = scopes.vertical
    group by scopes.scope, facts.metric, facts.period
    union all
    select
        scopes.scope,
        'sales_cycle_days' as metric,
        periods.period,
        null as numerator,
        count(*) * 1e0 as denominator,
        median(cycles.cycle_days) as value
    from {{ ref('int_won_cycles') }} as cycles
    inner join scopes on cycles.vertical = scopes.vertical
    inner join periods on cycles.won_on >= periods.from_on and cycles.won_on < periods.to_on
    group by scopes.scope, periods.period

),

compared as (

    select
        scope_names.scope,
        metrics.*,
        coalesce(metrics.stored_baseline, baselines.value) as baseline_value,
        case
            when metrics.stored_baseline is not null then 'stored'
            when baselines.value is not null then 'measured'
            else 'none'
        end as baseline_kind,
        values_now.value,
        values_now.numerator,
        values_now.denominator
    from (select distinct scope from scopes) as scope_names
    cross join metrics
    left join measured as values_now
        on
            scope_names.scope = values_now.scope
            and metrics.metric = values_now.metric
            and values_now.period = 'current'
    left join measured as baselines
        on
            scope_names.scope = baselines.scope
            and metrics.metric = baselines.metric
            and baselines.period = 'baseline'

),

aimed as (

    select
        *,
        -- A number of things to reach is the company's; shares and changes hold for each vertical.
        case
            when goal_value is null
                then nullif(baseline_value, 0) * coalesce(1 + goal_change, goal_times)
            when unit <> 'count' or scope = 'company' then goal_value
        end as target_value,
        coalesce(goal_change, goal_times) is not null
        or (goal_value is not null and (unit <> 'count' or scope = 'company')) as has_goal
    from compared

)

select
    aimed.scope as vertical,
    aimed.metric,
    aimed.metric_name,
    aimed.position,
    aimed.unit,
    current_period.from_on as period_from_on,
    current_period.to_on as period_to_on,
    aimed.value,
    aimed.numerator,
    aimed.denominator,
    -- Neither a mean of shares nor a number per account is a share of anything.
    case
        when aimed.unit = 'ratio' and aimed.metric <> 'stakeholder_coverage'
            then {{ wilson_low('aimed.numerator', 'aimed.denominator') }}
    end as value_low,
    case
        when aimed.unit = 'ratio' and aimed.metric <> 'stakeholder_coverage'
            then {{ wilson_high('aimed.numerator', 'aimed.denominator') }}
    end as value_high,
    aimed.baseline_kind,
    case when aimed.baseline_kind = 'measured' then baseline_period.from_on end as baseline_from_on,
    case when aimed.baseline_kind = 'measured' then baseline_period.to_on end as baseline_to_on,
    aimed.baseline_value,
    {{ ratio('aimed.value', 'aimed.baseline_value') }} - 1 as change,
    aimed.target_value,
    aimed.direction,
    case
        when not aimed.has_goal then 'no_target'
        when aimed.value is null or aimed.target_value is null then 'undefined'
        when aimed.direction = 'at_least' and aimed.value >= aimed.target_value then 'met'
        when aimed.direction = 'at_most' and aimed.value <= aimed.target_value then 'met'
        else 'missed'
    end as target_status
from aimed
left join periods as current_period on current_period.period = 'current'
left join periods as baseline_period on baseline_period.period = 'baseline'
