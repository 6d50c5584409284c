-- A campaign that failed is somebody's to look at.
with scorecard as (

    select * from {{ ref('campaign_scorecard') }}

)

select
    {{ key_of(["campaign", "cast(objective_deadline_on as varchar)"]) }} as ticket_id,
    campaign,
    vertical,
    'create_ticket' as action,
    'Campaign failed: ' || campaign_name as title,
    'Reached ' || cast(round(result, 4) as varchar) || ' of ' || cast(objective_target as varchar)
    || ' (' || objective_metric || ') by ' || cast(objective_deadline_on as varchar) || '. '
    || next_step as body,
    objective_deadline_on as failed_on
from scorecard
where status = 'failed'
