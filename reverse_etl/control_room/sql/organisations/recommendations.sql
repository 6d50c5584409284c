-- At least three contacts stand behind a row: what one of them is recommended, is about a person.
with decided as (
    select
        decisions.account_id,
        accounts.vertical,
        accounts.name,
        coalesce(accounts.account_type, 'unknown type') as account_type,
        decisions.action_name,
        decisions.channel,
        decisions.reason,
        decisions.basis,
        decisions.expected_gain,
        decisions.contributions,
        -- The practice of one person bears that person's name; of an unknown type it may be one.
        coalesce(accounts.account_type != 'solo_practice', false)
        and count(*) over (
            partition by
                decisions.account_id,
                decisions.action_name,
                decisions.channel,
                decisions.reason,
                decisions.basis
        ) >= 3 as is_named
    from marts.next_best_actions as decisions
    inner join marts.dim_accounts as accounts on decisions.account_id = accounts.account_id
    where decisions.action != 'nothing'
),

grouped as (
    select
        vertical,
        if(is_named, account_id, null) as shown_id,
        if(is_named, name, 'others: ' || replace(account_type, '_', ' ')) as shown_name,
        action_name,
        channel,
        reason,
        basis,
        count(*) as contacts,
        count(distinct account_id) as organisations,
        sum(expected_gain) as expected_gain
    from decided
    group by vertical, shown_id, shown_name, action_name, channel, reason, basis
    having count(*) >= 3
),

rows_shown as (
    select
        * rename (shown_id as account_id, shown_name as name)
    from grouped
    qualify row_number() over (
        partition by vertical order by expected_gain desc, shown_name, action_name
    ) <= 50
),

parts as (
    select
        decided.account_id,
        decided.action_name,
        decided.channel,
        decided.reason,
        decided.basis,
        part.key as feature,
        sum(cast(part.value as double)) as log_odds
    from decided, json_each(decided.contributions) as part
    where decided.is_named
    group by all
    having log_odds > 0
),

features as (
    select
        account_id,
        action_name,
        channel,
        reason,
        basis,
        array_to_string(max_by(replace(feature, '_', ' '), log_odds, 2), ', ') as features
    from parts
    group by all
)

select
    rows_shown.vertical,
    rows_shown.name,
    targets.tier,
    engagement.stage,
    rows_shown.action_name,
    rows_shown.channel,
    rows_shown.organisations,
    rows_shown.contacts,
    rows_shown.expected_gain,
    rows_shown.reason,
    rows_shown.basis,
    features.features
from rows_shown
left join features
    on
        rows_shown.account_id = features.account_id
        and rows_shown.action_name = features.action_name
        and rows_shown.channel is not distinct from features.channel
        and rows_shown.reason = features.reason
        and rows_shown.basis is not distinct from features.basis
left join marts.account_engagement as engagement on rows_shown.account_id = engagement.account_id
left join marts.target_accounts as targets on rows_shown.account_id = targets.account_id
order by rows_shown.expected_gain desc, rows_shown.name, rows_shown.action_name, rows_shown.reason
