-- The company's limits against the verticals' own targets of the same metric or family, one
-- number said for two periods, and one metric set twice.
with targets as (

    select
        targets.*,
        coalesce(metrics.family, targets.metric) as family,
        metrics.kind
    from {{ ref('int_plan_targets') }} as targets
    inner join {{ ref('kpi_metrics') }} as metrics on targets.metric = metrics.metric

),

every_target as (

    select * from {{ ref('kpi_targets') }}

)

select
    'company_limit' as rule,
    own.scope,
    own.metric,
    own.plan_year,
    own.metric || ' of the vertical' || coalesce(', ' || own.currency, '') as reading_a,
    own.target_value as value_a,
    company.metric || ' of the company, ' || company.direction
    || coalesce(', ' || company.currency, '') as reading_b,
    company.target_value as value_b,
    case
        when own.metric <> company.metric
            then 'Another formula' || case
                when own.currency <> company.currency then ' and another currency' else ''
            end || ': two metrics, ' || own.metric || ' and ' || company.metric
        else 'A vertical that meets its own target misses the company''s'
    end as explanation,
    own.target_id || ', ' || company.target_id as target_ids
from targets as own
inner join targets as company
    on
        own.family = company.family
        and own.plan_year = company.plan_year
        and company.scope = 'company'
where
    own.scope <> 'company'
    -- Counts and stocks sum over the verticals (company_total); rates must each hold.
    and own.kind not in ('flow', 'stock')
    and (
        (company.direction = 'at_most' and own.target_value > company.target_value)
        or (company.direction = 'below' and own.target_value >= company.target_value)
        or (company.direction = 'at_least' and own.target_value < company.target_value)
        or (company.direction = 'above' and own.target_value <= company.target_value)
    )
union all
select distinct
    'same_number_two_periods' as rule,
    monthly.scope,
    monthly.metric,
    cast(null as integer) as plan_year,
    monthly.scope || ': per month, as a yearly rate' as reading_a,
    1 - power(1 - monthly.target_value, 12) as value_a,
    yearly.scope || ': per year' as reading_b,
    yearly.target_value as value_b,
    'The same number is a monthly rate in one target and a yearly rate in the other: always '
    || 'state the period' as explanation,
    monthly.target_id || ', ' || yearly.target_id as target_ids
from every_target as monthly
inner join every_target as yearly
    on
        monthly.metric = 'logo_churn'
        and yearly.metric = 'logo_churn_annual'
        and monthly.target_value = yearly.target_value
union all
select
    'set_twice' as rule,
    first_target.scope,
    first_target.metric,
    first_target.plan_year,
    first_target.profile || ', ' || first_target.direction as reading_a,
    first_target.target_value as value_a,
    other_target.profile || ', ' || other_target.direction as reading_b,
    other_target.target_value as value_b,
    'Two targets for one metric; kpi_monthly compares with the first' as explanation,
    first_target.target_id || ', ' || other_target.target_id as target_ids
from every_target as first_target
inner join every_target as other_target
    on
        first_target.scope = other_target.scope
        and first_target.metric = other_target.metric
        and coalesce(first_target.plan_year, 0) = coalesce(other_target.plan_year, 0)
        and first_target.position < other_target.position
where {{ readings_differ('first_target.target_value', 'other_target.target_value') }}
