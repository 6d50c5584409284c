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
        when targets.account_id is null then 'line ' || targets.line
        else coalesce(accounts.name, targets.name)
    end as name,
    targets.tier,
    targets.match_verdict,
    engagement.stage,
    engagement.engagement_score,
    coverage.role_coverage,
    coverage.missing_roles,
    coverage.engaged_contacts,
    coalesce(actions.actions, 0) as actions,
    actions.expected_gain
from marts.target_accounts as targets
left join marts.dim_accounts as accounts on targets.account_id = accounts.account_id
left join marts.account_coverage as coverage on targets.account_id = coverage.account_id
left join marts.account_engagement as engagement on targets.account_id = engagement.account_id
left join actions on targets.account_id = actions.account_id
where accounts.account_type is distinct from 'solo_practice'
order by
    targets.tier nulls last,
    coverage.role_coverage nulls last,
    engagement.engagement_score desc nulls last,
    name
limit 400
