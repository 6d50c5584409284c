-- Which roles an account type requires shows in those that some account of it still lacks.
with lacking as (
    select distinct
        account_type,
        role
    from (
        select
            account_type,
            trim(unnest(string_split(missing_roles, ','))) as role
        from marts.account_coverage
    )
    where role != ''
),

accounts as (
    select
        vertical,
        vertical || ', ' || case
            when not is_target then 'no targets'
            when tier is null then 'targets without a tier'
            else 'targets of tier ' || tier
        end as tier,
        account_type,
        ',' || replace(coalesce(missing_roles, ''), ' ', '') || ',' as missing_roles,
        meets_goal
    from marts.account_coverage
    where required_roles > 0 and vertical is not null
)

select
    accounts.vertical,
    accounts.tier,
    lacking.role,
    avg(cast(not contains(accounts.missing_roles, ',' || lacking.role || ',') as integer)) as share,
    count(*) as accounts
from accounts
inner join lacking on accounts.account_type = lacking.account_type
group by accounts.vertical, accounts.tier, lacking.role
order by
    accounts.vertical,
    accounts.tier like '%no targets',
    accounts.tier,
    lacking.role
