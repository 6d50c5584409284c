{{ config(materialized='view') }}

-- One row per event that a cost line pays for: its share of the lines' actual costs of the period
-- (month or plan year) that it starts in. Events of one line and period share equally.
with events as (

    select
        events.event_key,
        events.vertical,
        events.event_type,
        {{ month_of('events.starts_on') }} as month,
        {{ plan_year_of('events.starts_on', 'run_context.plan_start_on') }} as plan_year,
        run_context.plan_start_on,
        run_context.as_of_month
    from {{ ref('int_events') }} as events
    cross join {{ ref('stg_system__run_context') }} as run_context

),

-- first_month and next_month: the period as months [from, to).
paid as (

    select
        events.event_key,
        events.vertical,
        cost_lines.line,
        events.as_of_month,
        case
            when cost_lines.period = 'month' then events.month
            else {{ add_months('events.plan_start_on', '12 * (events.plan_year - 1)') }}
        end as first_month,
        case
            when cost_lines.period = 'month' then {{ add_months('events.month', 1) }}
            else {{ add_months('events.plan_start_on', '12 * events.plan_year') }}
        end as next_month
    from events
    inner join {{ ref('stg_marketing__event_cost_lines') }} as cost_lines
        on
            events.vertical = cost_lines.vertical
            and events.event_type = cost_lines.event_type

),

costs as (

    select * from {{ ref('fct_costs_monthly') }}
    where scenario = 'actual'

),

shared as (

    select
        paid.*,
        count(*) over (
            partition by paid.vertical, paid.line, paid.first_month, paid.next_month
        ) as events_sharing
    from paid

),

line_shares as (

    select
        shared.event_key,
        shared.line,
        shared.events_sharing,
        shared.next_month <= shared.as_of_month as is_period_over,
        sum(costs.amount_base) * 1e0 / shared.events_sharing as line_share,
        count(*) = count(costs.amount_base) as is_known
    from shared
    inner join costs
        on
            shared.vertical = costs.vertical
            and shared.line = costs.line
            and shared.first_month <= costs.cost_month
            and shared.next_month > costs.cost_month
    group by
        shared.event_key,
        shared.line,
        shared.events_sharing,
        shared.next_month,
        shared.as_of_month

)

select
    event_key,
    case when min(cast(is_known as integer)) = 1 then cast(sum(line_share) as decimal(18, 4)) end
        as cost_base,
    max(events_sharing) as events_sharing,
    min(cast(is_period_over as integer)) = 1 as is_cost_complete
from line_shares
group by event_key
