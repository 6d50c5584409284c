-- One row per month of the reporting time zone, from the first fact to the month of as_of.
with run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

first_facts as (

    select min(occurred_on) as first_on from {{ ref('fct_events') }}
    union all
    select min(coalesce(created_on, closed_on)) from {{ ref('fct_deals') }}
    union all
    select min(contract_start_on) from {{ ref('fct_deals') }} where is_won
    union all
    select min(spend_on) from {{ ref('fct_ad_spend_daily') }}
    union all
    select min(cost_month) from {{ ref('fct_costs_monthly') }} where scenario = 'actual'
    union all
    select min(entered_on) from {{ ref('int_funnel_entries') }}
    union all
    select min(answered_on) from {{ ref('int_survey_answers') }}

),

bounds as (

    select
        {{ month_of('min(first_facts.first_on)') }} as first_month,
        max(run_context.as_of_month) as last_month
    from first_facts
    cross join run_context
    having min(first_facts.first_on) is not null

),

months as (

    select {{ each_date('first_month', 'last_month', 'month') }} as month
    from bounds

)

select
    months.month,
    {{ add_months('months.month', 1) }} - 1 as last_on,
    -- Stocks of the running month are those of the last day seen.
    least({{ add_months('months.month', 1) }} - 1, run_context.as_of_on) as measured_on,
    {{ plan_year_of('months.month', 'run_context.plan_start_on') }} as plan_year,
    {{ plan_month_of('months.month', 'run_context.plan_start_on') }} as plan_month,
    months.month < run_context.as_of_month as is_complete
from months
cross join run_context
