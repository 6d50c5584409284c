-- question: In which target accounts are roles that decide not engaged yet?
-- grain: one row per target account without full coverage
-- caveat: only contacts that are known count; an account without a list of roles is not shown
select
    coverage.vertical,
    coverage.tier,
    accounts.name,
    coverage.account_type,
    coverage.is_customer,
    coverage.required_roles,
    coverage.covered_roles,
    coverage.missing_roles,
    coverage.contacts,
    coverage.engaged_contacts
from marts.account_coverage as coverage
inner join marts.dim_accounts as accounts on coverage.account_id = accounts.account_id
where coverage.is_target and coverage.covered_roles < coverage.required_roles
order by
    coverage.vertical, coverage.tier, coverage.covered_roles, accounts.name, coverage.account_id;
