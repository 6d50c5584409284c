-- A campaign that failed is somebody's to look at, unless it is ended or was never begun.
with scorecard as (

    select * from {{ ref('campaign_scorecard') }}

),

outcomes as (

    select * from {{ ref('stg_audiences__actions') }}

),

tickets as (

    select
        {{ key_of(["campaign", "cast(objective_deadline_on as varchar)"]) }} as ticket_id,
        campaign,
        vertical,
        'create_ticket' as action,
        'Campaign failed: ' || campaign_name as title,
        'Reached ' || {{ plain_number('coalesce(round(result, 4), 0)') }}
        || ' of ' || {{ plain_number('objective_target') }}
        || ' (' || objective_metric || ') by ' || cast(objective_deadline_on as varchar) || '. '
        || next_step as body,
        objective_deadline_on as failed_on
    from scorecard
    where status = 'failed' and campaign_status != 'retired' and (assigned > 0 or launches > 0)

)

select
    tickets.*,
    coalesce(outcomes.state, 'not_sent') as delivery_state,
    case when outcomes.state = 'delivered' then outcomes.updated_at end as delivered_at,
    case when outcomes.state != 'delivered' then outcomes.code end as failure_code,
    outcomes.remote_id
from tickets
left join outcomes on tickets.ticket_id = outcomes.action_id
