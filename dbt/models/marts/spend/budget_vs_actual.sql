with budget_months as (

    select * from {{ ref('int_budget_months') }}

),

counted_twice as (

    select * from {{ ref('stg_marketing__counted_twice') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

summed as (

    select
        budget_months.*,
        {% for scenario in ['budget', 'actual'] -%}
        case when {{ scenario }}_unknown = 0 then {{ scenario }}_known end as {{ scenario }}_base,
        case
            when sum({{ scenario }}_unknown) over year_to_date = 0
                then coalesce(sum({{ scenario }}_known) over year_to_date, 0)
        end as {{ scenario }}_ytd_base,
        {% endfor -%}
        budget_months.month < run_context.as_of_month as is_complete,
        run_context.base_currency as currency,
        counted_twice.line is not null as is_counted_twice
    from budget_months
    cross join run_context
    left join counted_twice
        on
            budget_months.vertical = counted_twice.vertical
            and budget_months.line = counted_twice.line
            and budget_months.cost_class = counted_twice.cost_class
    window
        year_to_date as (
            partition by
                budget_months.vertical,
                budget_months.line,
                budget_months.cost_class,
                budget_months.plan_year
            order by budget_months.month
        )

),

compared as (

    select
        *,
        case
            when is_complete and budget_unknown + actual_unknown = 0
                then coalesce(actual_base, 0) - coalesce(budget_base, 0)
        end as variance_base,
        case when is_complete then actual_ytd_base - budget_ytd_base end as variance_ytd_base
    from summed

)

select
    vertical,
    month,
    plan_year,
    line,
    cost_class,
    channel,
    currency,
    budget_base,
    actual_base,
    cast(variance_base as decimal(18, 4)) as variance_base,
    {{ ratio('variance_base', 'budget_base') }} as variance_share,
    cast(budget_ytd_base as decimal(18, 4)) as budget_ytd_base,
    cast(actual_ytd_base as decimal(18, 4)) as actual_ytd_base,
    cast(variance_ytd_base as decimal(18, 4)) as variance_ytd_base,
    {% for amount in ['budget', 'actual', 'variance', 'budget_ytd', 'actual_ytd'] -%}
    -- Seven decimals: thousands must add up as exactly as the amounts do.
    cast({{ amount }}_base * 0.001 as decimal(18, 7)) as {{ amount }}_thousands,
    {% endfor -%}
    case
        when not is_complete then 'open'
        when variance_base is null then 'undefined'
        when budget_base is null and actual_base is null then 'no_entry'
        when budget_base is null then 'unbudgeted'
        when actual_base is null then 'unspent'
        when variance_base > 0 then 'over'
        else 'within'
    end as budget_status,
    cost_class = 'marketing' as is_in_cac_marketing,
    cost_class in ('marketing', 'sales') as is_in_cac_full,
    cost_class in ('marketing', 'sales') and not is_counted_twice as is_in_cac_deduplicated,
    is_paid_media,
    is_from_ad_spend,
    is_complete
from compared
