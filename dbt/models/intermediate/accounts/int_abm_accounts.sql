{{ config(materialized='view') }}

-- One row per metric of abm_metrics about accounts, period and vertical: a numerator and a
-- denominator (none for counts), which add up over verticals.
with periods as (

    select * from {{ ref('int_abm_periods') }}

),

entered as (

    select
        periods.period,
        entries.vertical,
        entries.unit_id,
        max(
            case
                when entries.entered_on >= periods.from_on and entries.position > 1 then 1
                else 0
            end
        ) as has_moved,
        sum(
            case
                when entries.entered_on >= periods.from_on and entries.metric = 'sqls' then 1
                else 0
            end
        ) as qualified,
        max(
            case
                when entries.metric = 'new_customers' and entries.entered_on < periods.from_on
                    then 1
                else 0
            end
        ) as was_won
    from {{ ref('int_funnel_entries') }} as entries
    inner join periods on entries.entered_on < periods.to_on
    group by periods.period, entries.vertical, entries.unit_id

),

coverage as (

    select
        vertical,
        sum(role_coverage) as role_coverage,
        sum(case when meets_goal then 1 else 0 end) as accounts_at_goal,
        count(role_coverage) as rated_accounts,
        count(*) as accounts
    from {{ ref('account_coverage') }}
    where is_target
    group by vertical

)

select
    'stage_progression' as metric,
    period,
    vertical,
    sum(has_moved) * 1e0 as numerator,
    count(*) * 1e0 as denominator
from entered
where was_won = 0
group by period, vertical
union all
select
    'qualified_opportunities' as metric,
    period,
    vertical,
    sum(qualified) * 1e0 as numerator,
    null as denominator
from entered
group by period, vertical
{% for metric, numerator, denominator in [
    ('stakeholder_coverage', 'role_coverage', 'rated_accounts'),
    ('accounts_covered', 'accounts_at_goal', 'rated_accounts'),
    ('target_accounts', 'accounts', 'null'),
] -%}
union all
select
    '{{ metric }}' as metric,
    'current' as period,
    vertical,
    {{ numerator }} * 1e0 as numerator,
    {{ denominator }} * 1e0 as denominator
from coverage
{% endfor -%}
