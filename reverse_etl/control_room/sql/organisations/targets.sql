with actions as (
    select
        account_id,
        count(*) filter (where action != 'nothing') as actions,
        sum(expected_gain) as expected_gain
    from marts.next_best_actions
    group by account_id
)

select
    targets.vertical,
    case
        when targets.account_id is null or accounts.account_type is null then 'line ' || targets.line
        else coalesce(accounts.name, targets.name)
    end as name,
    targets.tier,
    targets.match_verdict,
    -- Of fewer than three contacts it would be about a person.
    if(coverage.contacts >= 3, engagement.stage, null) as stage,
    if(coverage.contacts >= 3, engagement.engagement_score, null) as engagement_score,
    if(coverage.contacts >= 3, coverage.role_coverage, null) as role_coverage,
    if(coverage.contacts >= 3, coverage.missing_roles, null) as missing_roles,
    if(coverage.contacts >= 3, coverage.engaged_contacts, null) as engaged_contacts,
    if(coverage.contacts >= 3, coalesce(actions.actions, 0), null) as actions,
    if(coverage.contacts >= 3, actions.expected_gain, null) as expected_gain
from marts.target_accounts as targets
left join marts.dim_accounts as accounts on targets.account_id = accounts.account_id
left join marts.account_coverage as coverage on targets.account_id = coverage.account_id
left join marts.account_engagement as engagement on targets.account_id = engagement.account_id
left join actions on targets.account_id = actions.account_id
where accounts.account_type is distinct from 'solo_practice'
order by
    targets.tier nulls last,
    role_coverage nulls last,
    engagement_score desc nulls last,
    name
