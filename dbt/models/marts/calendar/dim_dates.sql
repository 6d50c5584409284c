with months as (

    select * from {{ ref('int_months') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

),

bounds as (

    select
        min(months.month) as first_on,
        -- The last day of the plan year that as_of falls in.
        {{ add_months(
            "max(run_context.as_of_month)",
            "13 - max(" ~ plan_month_of('run_context.as_of_month', 'run_context.plan_start_on') ~ ")"
        ) }} - 1 as last_on
    from months
    cross join run_context
    having count(*) > 0

),

days as (

    select {{ each_date('first_on', 'last_on', 'day') }} as date_on
    from bounds

),

dated as (

    select
        days.date_on,
        {{ month_of('days.date_on') }} as month,
        run_context.plan_start_on,
        run_context.as_of_on,
        run_context.as_of_month
    from days
    cross join run_context

)

select
    date_on,
    month,
    cast(date_trunc('week', date_on) as date) as week_start_on,
    cast(extract(year from date_on) as integer) as calendar_year,
    cast(extract(quarter from date_on) as integer) as calendar_quarter,
    cast(extract(month from date_on) as integer) as calendar_month,
    cast(extract(day from date_on) as integer) as day_of_month,
    {{ iso_weekday('date_on') }} as iso_weekday,
    {{ iso_weekday('date_on') }} >= 6 as is_weekend,
    {{ plan_year_of('month', 'plan_start_on') }} as plan_year,
    {{ plan_month_of('month', 'plan_start_on') }} as plan_month,
    month < as_of_month as is_complete_month,
    date_on > as_of_on as is_future
from dated
