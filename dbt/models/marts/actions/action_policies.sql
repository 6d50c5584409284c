with policies as (

    select * from {{ ref('stg_models__action_policies') }}

)

select
    policy,
    estimator,
    estimate,
    low,
    high,
    decisions,
    effective_decisions,
    carried_out,
    case
        when decisions = 0 then 'no_decision_to_judge'
        when low is null then 'cannot_be_told'
        else 'estimated'
    end as status
from policies
