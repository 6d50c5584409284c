with results as (

    select * from {{ ref('int_event_results') }}

),

costs as (

    select * from {{ ref('int_event_costs') }}

),

run_context as (

    select * from {{ ref('stg_system__run_context') }}

)

select
    results.event_key,
    results.event_name,
    results.event_type,
    results.vertical,
    results.starts_on,
    results.ends_on,
    results.city,
    results.window_end_on,
    coalesce(results.window_end_on <= run_context.as_of_on, false) as is_matured,
    results.listed,
    results.registered,
    results.attended,
    {{ ratio('results.attended', 'results.registered') }} as attendance_rate,
    results.known_contacts,
    results.new_contacts,
    results.accounts,
    results.meetings,
    results.deals_opened,
    results.deals_won,
    run_context.base_currency as currency,
    results.pipeline_base,
    results.won_base,
    costs.cost_base,
    costs.events_sharing as cost_events_sharing,
    costs.is_cost_complete,
    {{ ratio('costs.cost_base', 'results.attended') }} as cost_per_attendee_base,
    {{ ratio('results.won_base - costs.cost_base', 'costs.cost_base') }} as roi
from results
cross join run_context
left join costs on results.event_key = costs.event_key
