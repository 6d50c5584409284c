with actions as (
    select
        account_id,
        action_name,
        channel,
        reason,
        basis,
        count(*) as contacts,
        sum(expected_gain) as expected_gain
    from marts.next_best_actions
    where action != 'nothing'
    group by all
),

highest as (
    select
        accounts.vertical,
        accounts.name,
        actions.*
    from actions
    inner join marts.dim_accounts as accounts on actions.account_id = accounts.account_id
    -- The practice of one person bears that person's name.
    where accounts.account_type != 'solo_practice'
    qualify row_number() over (
        partition by accounts.vertical
        order by actions.expected_gain desc, accounts.name, actions.action_name
    ) <= 50
),

parts as (
    select
        decisions.account_id,
        decisions.action_name,
        decisions.reason,
        part.key as feature,
        sum(cast(part.value as double)) as log_odds
    from marts.next_best_actions as decisions, json_each(decisions.contributions) as part
    -- What weighs in an organisation's only contact would be about a person.
    where decisions.account_id in (select account_id from highest where contacts > 1)
    group by all
    having log_odds > 0
),

features as (
    select
        account_id,
        action_name,
        reason,
        array_to_string(max_by(replace(feature, '_', ' '), log_odds, 2), ', ') as features
    from parts
    group by all
)

select
    highest.vertical,
    highest.name,
    targets.tier,
    engagement.stage,
    highest.action_name,
    highest.channel,
    highest.contacts,
    highest.expected_gain,
    highest.reason,
    highest.basis,
    features.features
from highest
left join features
    on
        highest.account_id = features.account_id
        and highest.action_name = features.action_name
        and highest.reason = features.reason
left join marts.account_engagement as engagement on highest.account_id = engagement.account_id
left join marts.target_accounts as targets on highest.account_id = targets.account_id
order by highest.expected_gain desc, highest.name, highest.action_name, highest.reason
