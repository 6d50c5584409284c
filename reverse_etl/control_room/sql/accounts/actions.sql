select
    vertical,
    action_name,
    reason,
    basis,
    count(*) as contacts,
    count(distinct account_id) as accounts,
    sum(expected_gain) as expected_gain,
    avg(p_response) as p_response,
    max(decided_until) as decided_until
from marts.next_best_actions
group by vertical, action_name, reason, basis
order by vertical, expected_gain desc, contacts desc, action_name, reason, basis
