-- The decisions in force: of the last set, by the identities of today. Of contacts that became
-- one, the decision of one of them.
with decisions as (

    select * from {{ source('lake', 'action_decisions') }}

),

identities as (

    select * from {{ ref('identity_map') }}
    where contact_id is not null

),

last_set as (

    select max(sequence) as sequence
    from decisions

),

today as (

    select
        decisions.*,
        coalesce(identities.contact_id, decisions.contact_id) as contact_today
    from decisions
    inner join last_set on decisions.sequence = last_set.sequence
    left join identities on decisions.contact_id = identities.identifier_key

),

whose as (

    select
        contact_today,
        min(contact_id) as contact_id
    from today
    group by contact_today

)

select
    today.contact_today as contact_id,
    today.vertical,
    today.action,
    today.is_taken,
    today.is_best,
    today.is_exploration,
    today.propensity,
    today.expected_gain,
    today.response_part,
    today.cost_part,
    today.stop_part,
    today.p_response,
    today.p_stop,
    today.basis,
    today.contributions,
    today.round_on,
    today.decided_at
from today
inner join whose
    on
        today.contact_today = whose.contact_today
        and today.contact_id = whose.contact_id
