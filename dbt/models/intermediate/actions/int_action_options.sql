-- A decision stands for its round; what may not be done any more is no option.
with decisions as (

    select * from {{ ref('stg_models__action_decisions') }}

),

actions as (

    select * from {{ ref('stg_marketing__actions') }}
    where is_approved

),

reachable as (

    select * from {{ ref('reachable_contacts') }}

),

objections as (

    select * from {{ ref('int_profiling_objections') }}

),

contacts as (

    select * from {{ ref('dim_contacts') }}

)

select
    decisions.contact_id,
    contacts.account_id,
    decisions.vertical,
    decisions.action,
    coalesce(actions.action_name, 'Nothing') as action_name,
    actions.action_kind,
    actions.campaign,
    actions.purpose,
    actions.channel,
    decisions.is_taken,
    decisions.is_best,
    decisions.is_exploration,
    decisions.propensity,
    decisions.expected_gain,
    decisions.p_response,
    decisions.p_stop,
    decisions.response_part,
    decisions.cost_part,
    decisions.stop_part,
    decisions.basis,
    decisions.contributions,
    decisions.round_on,
    decisions.decided_at
from decisions
inner join contacts on decisions.contact_id = contacts.contact_id
left join objections on decisions.contact_id = objections.contact_id
left join actions on decisions.action = actions.action
left join reachable
    on
        decisions.contact_id = reachable.contact_id
        and actions.purpose = reachable.purpose
        and actions.channel = reachable.channel
where
    objections.contact_id is null
    and (decisions.action = 'nothing' or reachable.contact_id is not null)
