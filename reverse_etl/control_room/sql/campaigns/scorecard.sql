select
    campaign_name,
    vertical,
    status,
    objective_name,
    objective_target,
    result,
    case objective_metric when 'revenue' then 'money' when 'contact_share' then 'ratio' else 'count' end
        as unit,
    progress,
    time_passed,
    objective_deadline_on,
    written_to,
    held_out,
    cost_base,
    effect_decision,
    next_step
from marts.campaign_scorecard
order by
    case status when 'failed' then 1 when 'running' then 2 when 'reached' then 3 else 4 end,
    objective_deadline_on,
    campaign_name
